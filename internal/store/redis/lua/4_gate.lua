-- Gates, the line of a queue, leases and reservations.
local FOREVER = 9e15

local function reserved(q) return call('ZCOUNT', P .. 'rs:' .. q, '(' .. string.format('%.0f', now), '+inf') end
local function waits(key) return call('ZCOUNT', key, '(' .. string.format('%.0f', now), '+inf') > 0 end

local function bucketAt(q)
  if q.ivl == 0 then return 0 end
  return q.next - (math.max(q.burst, 1) - 1) * q.ivl
end

-- open reports whether the gate lets one more through, and otherwise when it may; 0: when something else happens.
local function open(q)
  if q.closed > now then
    if q.closed >= FOREVER then return false, 0 end
    return false, q.closed
  end
  if q.maxl > 0 then
    if not q.reserved then q.reserved = reserved(q.name) end
    if q.c4 + q.reserved >= q.maxl then return false, 0 end
  end
  local at = bucketAt(q)
  if at > now then return false, at end
  return true, 0
end

local function takeToken(q)
  if q.ivl > 0 then set(q, 'next', take(q.next, q.ivl, q.grace)) end
end

local function owe(q, by) set(q, 'debt', math.min(math.max(q.debt + by, -1600), 1600)) end

local function passNext(q)
  if q.maxl > 0 then
    if not q.reserved then q.reserved = reserved(q.name) end
    if q.c4 + q.reserved + 1 >= q.maxl then
      local held, due = q.reserved * (100 - q.share), q.c4 * q.share
      if held ~= due then return held < due end
    end
  end
  return q.debt <= 0
end

-- headOf returns the first ready record of a priority that is not too late, or nil. Behind many that are too late it does not look,
-- as Run will have removed them soon.
local function headOf(q, pri)
  for at = 0, 200 do
    local id = call('ZRANGE', readyKey(q.name, pri), at, at)[1]
    if not id then return nil end
    local r = load(id)
    if not late(r) then return r end
  end
end

-- nextOf returns the record that a lease of the queue takes next, or nil.
local function nextOf(q)
  if q.c1 <= 0 then return nil end
  if #q.pris == 1 then return headOf(q, q.pris) end
  local heads, top = {}, -1
  for i = 1, #q.pris do
    local pri = tonumber(string.sub(q.pris, i, i))
    heads[pri] = headOf(q, pri)
    if heads[pri] and pri > top then top = pri end
  end
  if top < 0 then return nil end
  if top == 0 or (q.leases + 1) % 8 ~= 0 then return heads[top] end
  local first = top
  for pri = top - 1, 0, -1 do
    if heads[pri] then
      if pri < q.last then return heads[pri] end
      if first == top then first = pri end
    end
  end
  return heads[first]
end

-- slow parks what its lane let in before and has no token for now.
local function slow(q)
  local r = nextOf(q)
  while r and r.s.paced do
    local l = laneOf(r.s)
    if laneToken(l, r.s) then break end
    change(r, function(x) move(x, PARKED) end)
    r = nextOf(q)
  end
  return r
end

local function grant(q, r, worker, ttl)
  takeToken(q)
  if r.s.paced then
    local l = laneOf(r.s)
    l.next = take(l.next, r.s.ivl, laneGrace(r.s))
  end
  if q.passing then owe(q, -q.share) end
  set(q, 'leases', q.leases + 1)
  if q.leases % 8 == 0 then set(q, 'last', r.s.pri) end
  meta.turn = meta.turn + 1
  set(q, 'served', meta.turn)
  change(r, function(x)
    move(x, LEASED)
    x.del = x.del + 1
    x.lex, x.wrk = now + ttl, worker
  end)
end

local function free(id)
  local name = call('HGET', P .. 'slots', id)
  if not name then return end
  call('HDEL', P .. 'slots', id)
  call('ZREM', P .. 'rs:' .. name, id)
  setTimer('s' .. id, 0)
  stirred[name] = true
end

-- passThrough takes a slot and a token for a call that passes through; its name is its ID and how long it stands, in us.
local function passThrough(q, waiter)
  local id, ttl = string.sub(waiter, 1, 16), tonumber(string.sub(waiter, 17))
  takeToken(q)
  if q.c1 > 0 then owe(q, 100 - q.share) end
  call('ZADD', P .. 'rs:' .. q.name, now + ttl, id)
  call('HSET', P .. 'slots', id, q.name)
  setTimer('s' .. id, now + ttl)
  call('ZREM', P .. 'wr:' .. q.name, waiter)
  q.reserved = nil
  return id
end

-- letPass gives calls that wait to pass through what is theirs before a lease takes more.
local function letPass(q)
  while q.passing and passNext(q) and open(q) do
    local waiter = call('ZRANGEBYSCORE', P .. 'wr:' .. q.name, '(' .. string.format('%.0f', now), '+inf', 'LIMIT', 0, 1)[1]
    if not waiter then
      q.passing = false
    else
      publish('g' .. passThrough(q, waiter))
    end
  end
end

-- lease: KEYS prefix; ARGV worker, ttl in us, most, slots, waiter, then for each wanted queue its name and how many slots it holds.
-- Returns {records, when to look again in us from now; -1: not known}.
local function lease(keys, argv)
  begin(keys)
  local worker, ttl, most, share, waiter = argv[1], tonumber(argv[2]), tonumber(argv[3]), math.max(1, math.floor(tonumber(argv[4]) * 3 / 4)), argv[5]
  local wants, opensAt, got = {}, 0, {}
  for i = 6, #argv, 2 do
    local q = queueOf(argv[i])
    q.passing = waits(P .. 'wr:' .. q.name)
    wants[#wants + 1] = {q = q, held = tonumber(argv[i + 1])}
  end
  while #got < most do
    local below, above
    for _, want in ipairs(wants) do
      local q = want.q
      local r = nextOf(q)
      if r then
        letPass(q)
        local ok, at = open(q)
        if not ok then
          if at > 0 and (opensAt == 0 or at < opensAt) then opensAt = at end
        else
          r = slow(q)
          if r and not (q.passing and passNext(q)) then
            want.next = r
            if want.held >= share then
              if not above or q.served < above.q.served then above = want end
            elseif not below or q.served < below.q.served then
              below = want
            end
          end
        end
      end
    end
    local want = below or above
    if not want then break end
    local r = want.next
    grant(want.q, r, worker, ttl)
    want.held = want.held + 1
    got[#got + 1] = r.id
  end
  for _, want in ipairs(wants) do
    if #got == 0 and waiter ~= '' then
      call('ZADD', P .. 'wl:' .. want.q.name, now + 1500000, waiter)
      call('PEXPIRE', P .. 'wl:' .. want.q.name, 3000)
    elseif waiter ~= '' then
      call('ZREM', P .. 'wl:' .. want.q.name, waiter)
    end
    if want.q.passing and passNext(want.q) then stirred[want.q.name] = true else stirred[want.q.name] = nil end
  end
  finish()
  for i, id in ipairs(got) do got[i] = raw(id) end
  if opensAt > 0 then return {got, math.max(opensAt - now, 0)} end
  return {got, -1}
end

-- leave: KEYS prefix; ARGV waiter, then the queues that it no longer waits for. What it was given to pass through goes back.
local function leave(keys, argv)
  begin(keys)
  free(string.sub(argv[1], 1, 16))
  for i = 2, #argv do
    call('ZREM', P .. 'wl:' .. argv[i], argv[1])
    call('ZREM', P .. 'wr:' .. argv[i], argv[1])
    stirred[argv[i]] = true
  end
  finish()
  return 1
end

-- reserve: KEYS prefix; ARGV queue, the ID of the reservation and its ttl in us, 1 to wait if there is none. Returns {1}, or {0, us until it may be open; -1: not known}.
local function reserve(keys, argv)
  begin(keys)
  local q, waiter = queueOf(argv[1]), argv[2]
  if call('HEXISTS', P .. 'slots', string.sub(waiter, 1, 16)) == 1 then return {1} end
  know(q)
  local ok, at = open(q)
  if ok and not passNext(q) and waits(P .. 'wl:' .. q.name) and nextOf(q) then
    ok = false
    stirred[q.name] = true
  end
  if ok then
    passThrough(q, waiter)
  elseif argv[3] == '1' then
    call('ZADD', P .. 'wr:' .. q.name, now + 1500000, waiter)
    call('PEXPIRE', P .. 'wr:' .. q.name, 3000)
  end
  finish()
  if ok then return {1} end
  if at > 0 then return {0, math.max(at - now, 0)} end
  return {0, -1}
end

-- return: KEYS prefix; ARGV IDs of reservations.
local function giveBack(keys, argv)
  begin(keys)
  for _, id in ipairs(argv) do free(id) end
  finish()
  return 1
end

-- gate: KEYS prefix; ARGV queue. Returns {gate as Go wrote it, its version, now in us}.
local function gate(keys, argv)
  begin(keys)
  local v = call('HMGET', P .. 'q:' .. argv[1], 'gate', 'version')
  return {v[1] or '', v[2] or '0', now}
end

-- setgate: KEYS prefix; ARGV queue, version that is replaced, gate, closed until, intake closed until, most leased, interval, burst, grace,
-- share, 1 if the limits changed. Returns 1, or 0 if another was faster.
local function setgate(keys, argv)
  begin(keys)
  local key = P .. 'q:' .. argv[1]
  if (call('HGET', key, 'version') or '0') ~= argv[2] then return 0 end
  local q = queueOf(argv[1])
  know(q)
  call('HSET', key, 'version', num(argv[2]) + 1, 'gate', argv[3])
  for i, field in ipairs({'closed', 'intake', 'maxl', 'ivl', 'burst', 'grace', 'share'}) do set(q, field, tonumber(argv[3 + i])) end
  if argv[11] == '1' then
    local empty = now + math.max(q.burst, 1) * q.ivl
    if q.ivl == 0 or q.next > empty then set(q, 'next', empty) end
  end
  stirred[argv[1]] = true
  finish()
  return 1
end
