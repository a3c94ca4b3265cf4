-- A record: what never changes (s), and its progress. The transitions are those of package queue, for a record in Lua's memory.
local STATIC = '<BI4BBdI4BI4ddBBdI2c0I2c0ddd'
local PROGRESS = '<BdddddddddddddddBBdI2c0I2c0'

local function readStatic(b)
  local s = {}
  s.pri, s.bound, s.ondead, s.fair, s.ivl, s.burst, s.onlost, s.maxdel, s.keepres, s.keepdead, s.cb, s.hidden, s.size, s.q, s.lane,
    s.accepted, s.notbefore, s.deadline = struct.unpack(STATIC, b)
  s.paced = s.ivl > 0
  s.ordered = s.bound == 1 and s.fair == 0
  return s
end

local function readProgress(r, b)
  r.st, r.rev, r.seq, r.turn, r.gen, r.del, r.att, r.cra, r.unc, r.upd, r.eli, r.dea, r.com, r.rem, r.lex, r.drop, r.can, r.may,
    r.xs, r.why, r.wrk = struct.unpack(PROGRESS, b)
end

local function progress(r)
  return struct.pack(PROGRESS, r.st, r.rev, r.seq, r.turn, r.gen, r.del, r.att, r.cra, r.unc, r.upd, r.eli, r.dea, r.com, r.rem,
    r.lex, r.drop, r.can, r.may, r.xs, #r.why, r.why, #r.wrk, r.wrk)
end

local function recordKey(id) return P .. 'r:' .. id end

-- load returns a record, or nil.
local function load(id)
  local r = records[id]
  if r then return r end
  local v = call('HMGET', recordKey(id), 's', 'p', 'w', 'b1', 'b2', 'b3')
  if not v[2] then return nil end
  r = {id = id, s = readStatic(v[1]), w = num(v[3]), b1 = v[4], b2 = v[5], b3 = v[6]}
  readProgress(r, v[2])
  records[id] = r
  return r
end

local function fresh(id, s)
  return {id = id, s = s, st = READY, rev = 1, seq = 0, turn = 0, gen = 0, del = 0, att = 0, cra = 0, unc = 0, upd = now, eli = 0, dea = 0,
    com = 0, rem = 0, lex = 0, drop = 0, can = 0, may = 0, xs = 0, why = '', wrk = '', w = 0}
end

-- onClock turns a time of the accepting process into one of the server's clock, which may have left it behind by a jump.
local function onClock(s, t)
  local skew = now - s.accepted
  if t == 0 or s.accepted == 0 or math.abs(skew) < 5000000 then return t end
  return t + skew
end

local function move(r, st)
  r.st, r.rev, r.upd, r.eli = st, r.rev + 1, now, 0
  if st ~= READY and st ~= LEASED then r.turn = 0 end
  if st ~= LEASED then r.lex, r.wrk, r.can = 0, '', 0 end
  if st >= DONE then
    r.com = now
    local keep = r.s.keepres
    if st == DEAD then keep = r.s.keepdead end
    if keep > 0 then r.rem = now + keep elseif keep < 0 then r.rem = now end
  end
end

local function late(r) return r.dea > 0 and now >= r.dea end
local function place(r) if r.turn ~= 0 then return r.turn end return r.seq end
local function keepsPlace(r) return r.s.ordered and r.del > 0 end
local function occupies(r)
  return r.s.bound > 0 and (r.st == READY or r.st == LEASED or r.st == SCHEDULED and keepsPlace(r))
end
local function blocks(r) return r.s.bound > 0 and r.st == DEAD and r.s.ondead == 1 end

local function timerAt(r)
  if r.st >= DONE then return r.rem end
  if r.st == LEASED then return r.lex end
  if r.st == SCHEDULED and (r.dea == 0 or r.eli < r.dea) then return r.eli end
  return r.dea
end

-- The history is a row of entries, each a length and what Go encoded, its class first.
local MAXHISTORY = 20
local CLASS_NOT_BEGUN, CLASS_NOT_SENT, CLASS_UNANSWERED = 1, 2, 4 -- as queue.Class counts them

local function ran(r)
  if r.cra > 0 or r.drop > 0 then return 1 end
  local h, at = call('HGET', recordKey(r.id), 'h') or '', 1
  if r.h then h = r.h end
  while at <= #h do
    local size = struct.unpack('<I4', h, at)
    local class = string.byte(h, at + 4)
    if class ~= CLASS_NOT_SENT and class ~= CLASS_NOT_BEGUN then return 1 end
    at = at + 4 + size
  end
  return 0
end

local function remember(r, entry, counted)
  r.unc = r.unc + 1
  if counted then r.att, r.unc = r.att + 1, 0 end
  local h = r.h or call('HGET', recordKey(r.id), 'h') or ''
  h = h .. struct.pack('<I4', #entry) .. entry
  local n, at = 0, 1
  while at <= #h do
    n, at = n + 1, at + 4 + struct.unpack('<I4', h, at)
  end
  while n > MAXHISTORY do
    h, n, r.drop = string.sub(h, 5 + struct.unpack('<I4', h)), n - 1, r.drop + 1
  end
  r.h = h
end

-- back returns a leased record to its queue, unless it was cancelled or is too late.
local function back(r, cancelled, mayRun, after)
  if cancelled then
    if mayRun then r.may = 1 else r.may = ran(r) end
    move(r, CANCELLED)
  elseif late(r) then
    if mayRun then r.may = 1 else r.may = ran(r) end
    move(r, EXPIRED)
  elseif after > 0 then
    move(r, SCHEDULED)
    r.eli = now + after
  else
    move(r, READY)
  end
end

local ATTEMPT = '<BddddHBI2c0'
local LOST = 'the worker ended without settling'

local function lost(r)
  r.cra = r.cra + 1
  remember(r, struct.pack(ATTEMPT, CLASS_UNANSWERED, r.gen, r.del, r.upd, (now - r.upd) * 1000, 0, 0, #LOST, LOST), false)
  if r.can == 1 then
    r.may = 1
    move(r, CANCELLED)
  elseif r.s.onlost == 1 then
    r.why = 'unknown_outcome'
    move(r, DEAD)
  elseif r.s.maxdel > 0 and r.cra >= r.s.maxdel then
    r.why = 'poison'
    move(r, DEAD)
  elseif late(r) then
    r.may = 1
    move(r, EXPIRED)
  else
    move(r, READY)
  end
end
