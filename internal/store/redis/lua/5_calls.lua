-- enqueue: KEYS prefix; ARGV most messages, most bytes, then for each message: ID, message, static, body, scope, fingerprint, how long the
-- key is kept in us; 0: for ever. Returns for each {word, ID or number}.
local function enqueue(keys, argv)
  begin(keys)
  local answers = {}
  for i = 3, #argv, 7 do
    local id, s, scope = argv[i], readStatic(argv[i + 2]), argv[i + 4]
    local answer
    if call('EXISTS', recordKey(id)) == 1 then answer = {'there', id} end
    local held = not answer and scope ~= '' and call('GET', P .. 'i:' .. scope)
    if held and string.sub(held, 1, 16) ~= id then
      if string.sub(held, 17) ~= argv[i + 5] then answer = {'reused', string.sub(held, 1, 16)} else answer = {'duplicate', string.sub(held, 1, 16)} end
    end
    local q = queueOf(s.q)
    if answer then
    elseif q.intake > now then
      answer = {'paused', id}
    elseif s.hidden == 0 and tonumber(argv[1]) > 0 and meta.unfinished >= tonumber(argv[1]) then
      answer = {'messages', id}
    elseif s.hidden == 0 and tonumber(argv[2]) > 0 and meta.open + s.size > tonumber(argv[2]) then
      answer = {'bytes', id}
    else
      local keep = tonumber(argv[i + 6])
      if scope ~= '' then
        if keep > 0 then
          call('SET', P .. 'i:' .. scope, id .. argv[i + 5], 'PX', math.ceil(keep / 1000))
        else
          call('SET', P .. 'i:' .. scope, id .. argv[i + 5])
        end
      end
      insertMessage(id, argv[i + 1], argv[i + 2], argv[i + 3])
      answer = {'stored', id}
    end
    answers[#answers + 1] = answer
  end
  finish()
  return answers
end

-- ticketOf reads a ticket: its ID, message and static, the revision of the record that it announces, and the time at which that ends; '' for
-- none.
local function ticketOf(argv, i)
  if argv[i] == '' then return nil end
  return {id = argv[i], m = argv[i + 1], s = argv[i + 2], rev = tonumber(argv[i + 3]), at = tonumber(argv[i + 4])}
end

-- import: KEYS prefix; ARGV ID, message, static, progress, history, result, edited, body refs of the three, scope, fingerprint, us left of the
-- key: 0 for ever, -1 none; then a ticket's ID, message and static, or ''.
local function import(keys, argv)
  begin(keys)
  local id = argv[1]
  if call('EXISTS', recordKey(id)) == 1 then return 0 end
  local r = fresh(id, readStatic(argv[3]))
  readProgress(r, argv[4])
  for i, field in ipairs({'b1', 'b2', 'b3'}) do
    if argv[7 + i] ~= '' then r[field] = argv[7 + i] end
  end
  if r.st < DONE then r.seq, r.turn = nextSeq(), 0 end
  local scope, left = argv[11], tonumber(argv[13])
  if scope ~= '' and left >= 0 and call('EXISTS', P .. 'i:' .. scope) == 0 then
    call('SET', P .. 'i:' .. scope, id .. argv[12])
    if left > 0 then call('PEXPIRE', P .. 'i:' .. scope, math.ceil(left / 1000)) end
  end
  r.h = argv[5]
  if argv[6] ~= '' then call('HSET', recordKey(id), 'x', argv[6]) end
  if argv[7] ~= '' then call('HSET', recordKey(id), 'e', argv[7]) end
  insert(r, argv[2], argv[3])
  if argv[14] ~= '' and call('EXISTS', recordKey(argv[14])) == 0 then insertMessage(argv[14], argv[15], argv[16], '') end
  finish()
  return 1
end

-- extend: KEYS prefix; ARGV ttl in us, then ID and token of each. Returns for each 0 lost, 1 extended, 2 extended and to be cancelled.
local function extend(keys, argv)
  begin(keys)
  local ttl, answers = tonumber(argv[1]), {}
  for i = 2, #argv, 2 do
    local slot = call('HGET', P .. 'slots', argv[i])
    local r = not slot and load(argv[i])
    if slot then
      call('ZADD', P .. 'rs:' .. slot, now + ttl, argv[i])
      setTimer('s' .. argv[i], now + ttl)
      answers[#answers + 1] = 1
    elseif r and r.st == LEASED and r.del == tonumber(argv[i + 1]) then
      local was = {}
      for k, v in pairs(r) do was[k] = v end
      r.lex = now + ttl
      save(r, was)
      answers[#answers + 1] = 1 + r.can
    else
      answers[#answers + 1] = 0
    end
  end
  finish()
  return answers
end

local SETTLE_DONE, SETTLE_RETRY, SETTLE_DEAD, SETTLE_RELEASE, SETTLE_CANCELLED = 1, 2, 3, 4, 5

-- settle: KEYS prefix; ARGV for each settlement: ID, token, kind, reason, delay in us, 1 if it may have run, attempt, 1 if that counts, result,
-- the result's size, its body, and a ticket. Returns for each 'ok', 'lost', or 'ticket' with now.
local function settle(keys, argv)
  begin(keys)
  local answers = {}
  for i = 1, #argv, 16 do
    local r, kind = load(argv[i]), tonumber(argv[i + 2])
    local ticket = ticketOf(argv, i + 11)
    if not r or r.st ~= LEASED or r.del ~= tonumber(argv[i + 1]) then
      answers[#answers + 1] = {'lost'}
    else
      local refused = change(r, function(x)
        if argv[i + 6] ~= '' then remember(x, argv[i + 6], argv[i + 7] == '1') end
        local cancelled, mayRun = x.can == 1, argv[i + 5] == '1'
        if kind == SETTLE_DONE or kind == SETTLE_DEAD then
          if kind == SETTLE_DEAD then x.why = argv[i + 3] end
          x.xs = x.xs + tonumber(argv[i + 9])
          if argv[i + 10] ~= '' then x.b3 = argv[i + 10] end
          move(x, kind == SETTLE_DONE and DONE or DEAD)
        elseif kind == SETTLE_CANCELLED then
          if mayRun then x.may = 1 else x.may = ran(x) end
          move(x, CANCELLED)
        elseif kind == SETTLE_RELEASE then
          back(x, cancelled, mayRun, 0)
        else
          x.turn = 0
          back(x, cancelled, mayRun, tonumber(argv[i + 4]))
          if x.st == READY and not keepsPlace(x) then x.seq = nextSeq() end
        end
      end, ticket)
      if not refused and argv[i + 8] ~= '' and (kind == SETTLE_DONE or kind == SETTLE_DEAD) then call('HSET', recordKey(r.id), 'x', argv[i + 8]) end
      if refused then answers[#answers + 1] = {'ticket', now} else answers[#answers + 1] = {'ok'} end
    end
  end
  finish()
  return answers
end

-- get: KEYS prefix; ARGV ID. Returns the record, or {}.
local function get(keys, argv)
  call, P = redis.call, keys[1]
  return raw(argv[1]) or {}
end

-- watch: KEYS prefix; ARGV ID, revision; -1: until it is terminal. Returns the record if it is that far, {} if there is none, {'w'} else: then
-- its next change is published within the next two seconds.
local function watch(keys, argv)
  begin(keys)
  local r = load(argv[1])
  if not r then return {} end
  local after = tonumber(argv[2])
  if after >= 0 and r.rev > after or r.st >= DONE and after < 0 then return raw(argv[1]) end
  call('HSET', recordKey(argv[1]), 'w', now + 2000000)
  return {'w'}
end

-- position: KEYS prefix; ARGV ID. Returns the position, or -1 if there is no such record.
local function position(keys, argv)
  begin(keys)
  local r = load(argv[1])
  if not r then return -1 end
  if r.st ~= READY and r.st ~= PARKED then return 0 end
  local q, ahead, behind = queueOf(r.s.q), 0, 0
  for i = 1, #q.pris do
    local pri = tonumber(string.sub(q.pris, i, i))
    local key = readyKey(r.s.q, pri)
    if pri > r.s.pri then
      ahead = ahead + call('ZCARD', key)
    elseif pri < r.s.pri then
      behind = behind + call('ZCARD', key)
    elseif r.st == READY then
      ahead = ahead + call('ZRANK', key, r.id)
    else
      ahead = ahead + call('ZCOUNT', key, '-inf', '(' .. string.format('%.0f', r.seq))
    end
  end
  ahead = ahead + q.c2
  if r.st == PARKED then ahead = ahead - 1 end
  local before, patient = 7 - q.leases % 8, 0
  if ahead >= before then patient = 1 + math.floor((ahead - before) / 7) end
  return ahead + math.min(behind, patient) + 1
end

-- cancel: KEYS prefix; ARGV ID, 1 for never leased, ticket. Returns {word, now, record}: 'ok', 'none', 'terminal', 'running', 'ticket'.
local function cancel(keys, argv)
  begin(keys)
  local r = load(argv[1])
  if not r then return {'none', now} end
  local word = 'ok'
  if r.st >= DONE then
    word = 'terminal'
  elseif argv[2] == '1' and r.del > 0 then
    word = 'running'
  elseif r.st == LEASED then
    if r.can == 0 then
      r.can, r.rev, r.upd = 1, r.rev + 1, now
      call('HSET', recordKey(r.id), 'p', progress(r))
      notify(r)
      publish('c' .. r.id .. string.format('%.0f', r.del))
    end
  else
    word = change(r, function(x)
      x.may = ran(x)
      move(x, CANCELLED)
    end, ticketOf(argv, 3)) or 'ok'
  end
  finish()
  return {word, now, raw(argv[1])}
end

-- redrive: KEYS prefix; ARGV ID, deadline in us from now, edited request, its size, its body. Returns {word, record}: 'ok', 'none', 'alive'.
local function redrive(keys, argv)
  begin(keys)
  local r = load(argv[1])
  if not r then return {'none'} end
  if r.st ~= DEAD then return {'alive'} end
  change(r, function(x)
    move(x, READY)
    x.gen, x.att, x.cra, x.unc, x.why = x.gen + 1, 0, 0, 0, ''
    x.com, x.rem, x.dea, x.b3, x.xs = 0, 0, 0, nil, 0
    if tonumber(argv[2]) > 0 then x.dea = now + tonumber(argv[2]) end
    x.xs = tonumber(argv[4])
    if argv[5] ~= '' then x.b2 = argv[5] end
    if not keepsPlace(x) then x.seq = nextSeq() end
  end)
  call('HDEL', recordKey(r.id), 'x')
  if argv[3] ~= '' then call('HSET', recordKey(r.id), 'e', argv[3]) end
  finish()
  return {'ok', raw(argv[1])}
end

-- remove: KEYS prefix; ARGV IDs. Removes those that are not leased, and returns their number.
local function removeAll(keys, argv)
  begin(keys)
  local removed = 0
  for _, id in ipairs(argv) do
    local r = load(id)
    if r and r.st ~= LEASED then
      remove(r)
      removed = removed + 1
    end
  end
  finish()
  return removed
end

-- lose: KEYS prefix; ARGV ID, token, ticket. Ends a lease as if its time were over. Returns {word, now}: 'ok', 'lost' or 'ticket'.
local function lose(keys, argv)
  begin(keys)
  local r = load(argv[1])
  if not r or r.st ~= LEASED or r.del ~= tonumber(argv[2]) then return {'lost', now} end
  local word = change(r, lost, ticketOf(argv, 3)) or 'ok'
  finish()
  return {word, now}
end

local DUE, LAPSED, EXPIRES, REMOVED = 1, 2, 3, 4

-- ring does what the timer of a record announced, and returns what that was, or nil.
local function ring(r, ticket)
  local at = timerAt(r)
  if at == 0 or now < at then return nil end
  if r.st >= DONE then
    remove(r)
    return REMOVED
  end
  local kind
  local refused = change(r, function(x)
    if x.st == LEASED then
      lost(x)
      kind = LAPSED
    elseif late(x) then
      x.may = ran(x)
      move(x, EXPIRED)
      kind = EXPIRES
    else
      move(x, READY)
      if not keepsPlace(x) then x.seq = nextSeq() end
      kind = DUE
    end
  end, ticket)
  if refused then return nil, refused end
  return kind
end

-- run: KEYS prefix; ARGV how many at most. Does what is due. Returns {events, IDs that need a ticket, us until the next; -1: none, now}; an event
-- is {kind, state, reason, ID, message}.
local function run(keys, argv)
  begin(keys)
  local events, tickets = {}, {}
  local due = call('ZRANGEBYSCORE', P .. 't', '-inf', string.format('%.0f', now), 'LIMIT', 0, tonumber(argv[1]))
  for _, member in ipairs(due) do
    local kind, id = string.sub(member, 1, 1), string.sub(member, 2)
    if kind == 's' then
      free(id)
    elseif kind == 'l' then
      local size, rest = string.match(id, '^(%d+):(.*)$')
      local q = string.sub(rest, 1, tonumber(size))
      local name = laneName(q, string.sub(rest, tonumber(size) + 2))
      local first = call('ZRANGE', P .. 'k:' .. name, 0, 0)[1]
      local v = call('HMGET', P .. 'l:' .. name, 'occ', 'blk', 'rdy', 'lsd', 'next', 'paced')
      local l = lanes[name]
      if not l then
        l = {name = name, q = q, parked = P .. 'k:' .. name, occ = num(v[1]), blk = num(v[2]), rdy = num(v[3]), lsd = num(v[4]), next = num(v[5]),
          paced = num(v[6]), timer = -1, admits = 0}
        lanes[name] = l
      end
      l.timer = -1
      pass(l)
    else
      local r = load(id)
      if not r then
        call('ZREM', P .. 't', member)
      else
        local m = call('HGET', recordKey(id), 'm')
        local what, refused = ring(r)
        if refused then
          tickets[#tickets + 1] = id
        elseif what then
          events[#events + 1] = {what, r.st, r.why, id, m}
        else
          setTimer(member, timerAt(r))
        end
      end
    end
  end
  local next = call('ZRANGE', P .. 't', 0, 0, 'WITHSCORES')[2]
  meta.looks = num(next)
  if #tickets > 0 then meta.looks = now end
  call('HSET', P .. 'meta', 'looks', meta.looks)
  finish()
  if meta.looks == 0 then return {events, tickets, -1, now} end
  return {events, tickets, math.max(meta.looks - now, 0), now}
end

-- ring: KEYS prefix; ARGV ID, ticket. Does what is due for one record. Returns {event, now}.
local function ringOne(keys, argv)
  begin(keys)
  local r = load(argv[1])
  if not r then return {{}, now} end
  local m = call('HGET', recordKey(argv[1]), 'm')
  local what = ring(r, ticketOf(argv, 2))
  finish()
  if not what then return {{}, now} end
  return {{what, r.st, r.why, argv[1], m}, now}
end

-- stats: KEYS prefix. Returns {now, bytes, for each queue {name, accepted, c1 to c8, removed, gate, reserved, oldest, overdue}}.
local function stats(keys)
  begin(keys)
  local overdue = {}
  for _, member in ipairs(call('ZRANGEBYSCORE', P .. 't', '-inf', string.format('%.0f', now), 'LIMIT', 0, 1000)) do
    if string.sub(member, 1, 1) == 'm' then
      local r = load(string.sub(member, 2))
      if r and r.st == SCHEDULED and r.eli <= now and not (r.dea > 0 and r.eli >= r.dea) then overdue[r.s.q] = (overdue[r.s.q] or 0) + 1 end
    end
  end
  local answer = {now, meta.bytes}
  for _, name in ipairs(call('SMEMBERS', P .. 'queues')) do
    local v = call('HMGET', P .. 'q:' .. name, 'acc', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'gone', 'gate', 'pris')
    local oldest = 0
    for pri in string.gmatch(v[12] or '', '.') do
      for _, id in ipairs(call('ZRANGE', readyKey(name, pri), 0, 9)) do
        local r = load(id)
        if oldest == 0 or r.upd < oldest then oldest = r.upd end
      end
    end
    local line = {name}
    for i = 1, 10 do line[#line + 1] = num(v[i]) end
    line[#line + 1] = v[11] or ''
    line[#line + 1], line[#line + 2], line[#line + 3] = reserved(name), oldest, overdue[name] or 0
    answer[#answer + 1] = line
  end
  return answer
end

-- discard: KEYS prefix; ARGV body. Removes one that no record holds: which still ends by itself.
local function discard(keys, argv)
  begin(keys)
  if call('PTTL', P .. 'b:' .. argv[1]) > 0 then dropBody(argv[1]) end
  finish()
  return 1
end
