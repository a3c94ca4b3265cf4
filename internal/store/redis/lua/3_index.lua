-- What follows from a change of a record: counters, order, lane, timer, bodies, waiters.
local attach, detach, save, pass

local function laneOf(s)
  if s.bound == 0 then return nil end
  local name = laneName(s.q, s.lane)
  local l = lanes[name]
  if not l then
    local v = call('HMGET', P .. 'l:' .. name, 'occ', 'blk', 'rdy', 'lsd', 'next', 'paced', 'timer')
    l = {name = name, q = s.q, parked = P .. 'k:' .. name, occ = num(v[1]), blk = num(v[2]), rdy = num(v[3]), lsd = num(v[4]),
      next = num(v[5]), paced = num(v[6]), timer = num(v[7]), admits = 0}
    lanes[name] = l
  end
  if s.paced and l.paced == 0 then l.paced, l.next = 1, math.max(l.next, 0) end
  return l
end

flushLanes = function()
  for name, l in pairs(lanes) do
    local key = P .. 'l:' .. name
    if l.occ == 0 and l.blk == 0 and l.paced == 0 and call('EXISTS', l.parked) == 0 then
      call('DEL', key)
    else
      call('HSET', key, 'occ', l.occ, 'blk', l.blk, 'rdy', l.rdy, 'lsd', l.lsd, 'next', l.next, 'paced', l.paced, 'timer', l.timer)
    end
  end
end

-- setTimer notes when Run has to look at a member; 0: never.
local function setTimer(member, at)
  if at > 0 then
    call('ZADD', P .. 't', at, member)
    if meta.looks == 0 or at < meta.looks then
      meta.looks = at
      call('HSET', P .. 'meta', 'looks', at)
      publish('t')
    end
  else
    call('ZREM', P .. 't', member)
  end
end

-- grace is how late a token may be taken without the next one coming later for it.
local function take(next, ivl, grace)
  if now - next > grace then next = now end
  return next + ivl
end

local function laneGrace(s) return math.min(s.ivl / 4, 10000) end
local function laneToken(l, s) return l.next - (math.max(s.burst, 1) - 1) * s.ivl <= now end

local function inPace(l, s)
  if not s.paced then return true end
  local burst = math.max(s.burst, 1)
  if l.rdy >= burst then
    l.admits = 0
    return false
  end
  local at = l.next + (l.rdy + 1 - burst) * s.ivl
  if at <= now then
    l.admits = 0
    return true
  end
  l.admits = at
  return false
end

local function hasRoom(l, r)
  if l.blk > 0 or l.occ >= r.s.bound then return false end
  local first = call('ZRANGE', l.parked, 0, 0, 'WITHSCORES')
  if first[2] and tonumber(first[2]) <= r.seq then return false end
  return inPace(l, r.s)
end

local function tally(l, r, by)
  if occupies(r) then l.occ = l.occ + by end
  if blocks(r) then l.blk = l.blk + by end
  if r.s.paced then
    if r.st == READY then l.rdy = math.max(l.rdy + by, 0) elseif r.st == LEASED then l.lsd = math.max(l.lsd + by, 0) end
  end
end

local function tallyState(r, by)
  count(queueOf(r.s.q), 'c' .. r.st, by)
  if r.st < DONE and r.s.hidden == 0 then
    meta.unfinished = meta.unfinished + by
    meta.open = meta.open + by * (r.s.size + r.xs)
  end
end

-- attach enters a record into the counters, its lane and the order. A ready one whose lane has no room is parked.
attach = function(r)
  local l = laneOf(r.s)
  if l then
    if r.st == READY and not hasRoom(l, r) then move(r, PARKED) end
    tally(l, r, 1)
  end
  if r.st == READY then
    local q = queueOf(r.s.q)
    if not string.find(q.pris, r.s.pri, 1, true) then set(q, 'pris', q.pris .. r.s.pri) end
    call('ZADD', readyKey(r.s.q, r.s.pri), place(r), r.id)
  elseif r.st == PARKED then
    call('ZADD', l.parked, place(r), r.id)
  end
  tallyState(r, 1)
  stirred[r.s.q] = true
end

detach = function(r)
  local l = laneOf(r.s)
  if r.st == READY then
    call('ZREM', readyKey(r.s.q, r.s.pri), r.id)
  elseif r.st == PARKED then
    call('ZREM', l.parked, r.id)
  end
  if l then tally(l, r, -1) end
  tallyState(r, -1)
  stirred[r.s.q] = true
end

save = function(r, was)
  if r.h then
    call('HSET', recordKey(r.id), 'p', progress(r), 'h', r.h)
    r.h = nil
  else
    call('HSET', recordKey(r.id), 'p', progress(r))
  end
  local at = timerAt(r)
  if not was or timerAt(was) ~= at then setTimer('m' .. r.id, at) end
end

local function notify(r)
  if r.w > now then publish('r' .. r.id) end
end

-- pass makes parked records of a lane ready, in their order, as far as there is room, and finds out when to look again.
pass = function(l)
  l.admits = 0
  local left = false
  while true do
    local id = call('ZRANGE', l.parked, 0, 0)[1]
    if not id then break end
    left = true
    local r = load(id)
    if l.blk > 0 or l.occ >= r.s.bound or not inPace(l, r.s) then break end
    local was = {}
    for k, v in pairs(r) do was[k] = v end
    detach(was)
    move(r, READY)
    r.turn = 0
    if r.s.fair == 1 then r.turn = nextSeq() end
    attach(r)
    save(r, was)
    notify(r)
    left = false
  end
  local at = l.admits
  if l.paced == 1 and at == 0 and not left and l.rdy == 0 and l.lsd == 0 then
    at = l.next
    if at <= now then l.paced, l.next, at = 0, 0, 0 end
  end
  if at ~= l.timer then
    l.timer = at
    setTimer('l' .. l.name, at)
  end
end

local function keepBody(ref)
  call('PERSIST', P .. 'b:' .. ref)
end

local function dropBody(ref)
  if ref then
    meta.bytes = meta.bytes - num(call('HGET', P .. 'b:' .. ref, 'size'))
    call('UNLINK', P .. 'b:' .. ref)
  end
end

-- insert adds a record that is new.
local function insert(r, m, s)
  local q = queueOf(r.s.q)
  know(q)
  count(q, 'acc', 1)
  records[r.id] = r
  meta.bytes = meta.bytes + r.s.size + r.xs
  call('HSET', recordKey(r.id), 'm', m, 's', s)
  for _, field in ipairs({'b1', 'b2', 'b3'}) do
    if r[field] then
      call('HSET', recordKey(r.id), field, r[field])
      keepBody(r[field])
    end
  end
  call('ZADD', P .. 'ids', 0, r.id)
  attach(r)
  save(r)
  local l = laneOf(r.s)
  if l then pass(l) end
end

-- insertMessage adds a new message.
local function insertMessage(id, m, s, body)
  local r = fresh(id, readStatic(s))
  if body ~= '' then r.b1 = body end
  r.dea = onClock(r.s, r.s.deadline)
  local notBefore = onClock(r.s, r.s.notbefore)
  if notBefore > now then
    r.st, r.eli = SCHEDULED, notBefore
  else
    r.seq = nextSeq()
  end
  insert(r, m, s)
end

-- change applies a transition to a record, with everything that follows. A word that the transition returns says why it changed
-- nothing. 'ticket': the record becomes terminal and has to be announced, and the ticket is not given.
local function change(r, transition, ticket)
  local was = {}
  for k, v in pairs(r) do was[k] = v end
  local present, refused = now, nil
  if ticket and ticket.rev ~= r.rev then
    ticket = nil -- it announces what is no longer so
  elseif ticket then
    now = ticket.at
  end
  refused = transition(r)
  now = present
  local ends = r.st >= DONE and was.st < DONE
  if not refused and ends and r.s.cb == 1 and not ticket then refused = 'ticket' end
  if refused then
    for k in pairs(r) do r[k] = nil end
    for k, v in pairs(was) do r[k] = v end
    return refused
  end
  detach(was)
  attach(r)
  meta.bytes = meta.bytes + r.xs - was.xs
  save(r, was)
  for _, field in ipairs({'b2', 'b3'}) do
    if r[field] ~= was[field] then
      if r[field] then
        call('HSET', recordKey(r.id), field, r[field])
        keepBody(r[field])
      else
        call('HDEL', recordKey(r.id), field)
      end
      dropBody(was[field])
    end
  end
  if ends and r.s.cb == 1 and call('EXISTS', recordKey(ticket.id)) == 0 then
    insertMessage(ticket.id, ticket.m, ticket.s, '')
  end
  local l = laneOf(r.s)
  if l then pass(l) end
  notify(r)
end

-- remove forgets a record.
local function remove(r)
  detach(r)
  setTimer('m' .. r.id, 0)
  count(queueOf(r.s.q), 'gone', 1)
  meta.bytes = meta.bytes - r.s.size - r.xs
  dropBody(r.b1)
  dropBody(r.b2)
  dropBody(r.b3)
  call('UNLINK', recordKey(r.id))
  call('ZREM', P .. 'ids', r.id)
  records[r.id] = nil
  local l = laneOf(r.s)
  if l then pass(l) end
  notify(r)
end

-- raw returns a record as Go reads it.
local function raw(id)
  local v = call('HMGET', recordKey(id), 'm', 'p', 'h', 'x', 'e')
  if not v[2] then return false end
  return {id, v[1], v[2], v[3] or '', v[4] or '', v[5] or ''}
end
