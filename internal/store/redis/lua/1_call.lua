-- One call: the clock, what was read, and what is written at its end. Redis runs one call at a time, so that these variables
-- are those of one call, set by begin.
local READY, PARKED, SCHEDULED, LEASED, DONE, DEAD, CANCELLED, EXPIRED = 1, 2, 3, 4, 5, 6, 7, 8
local call -- redis.call, which is not there while the library is loaded
local P, now, meta, queues, records, lanes, stirred

local function num(v) return v and tonumber(v) or 0 end

-- begin starts a call on the shard whose prefix is the key. Its clock never runs backwards: when the server's does, what it
-- went back is added from then on.
local function begin(keys)
  call, P = redis.call, keys[1]
  local t = call('TIME')
  local v = call('HMGET', P .. 'meta', 'clock', 'offset', 'seq', 'open', 'bytes', 'unfinished', 'looks', 'turn')
  meta = {seq = num(v[3]), open = num(v[4]), bytes = num(v[5]), unfinished = num(v[6]), looks = num(v[7]), turn = num(v[8])}
  local last, offset = num(v[1]), num(v[2])
  now = t[1] * 1000000 + t[2] + offset
  if now < last then
    call('HSET', P .. 'meta', 'offset', offset + last - now)
    now = last
  end
  meta.was = {seq = meta.seq, open = meta.open, bytes = meta.bytes, unfinished = meta.unfinished, turn = meta.turn}
  queues, records, lanes, stirred = {}, {}, {}, {}
end

local function nextSeq()
  meta.seq = meta.seq + 1
  return meta.seq
end

-- publish tells every process of the shard.
local function publish(text) call('SPUBLISH', P .. 'events', text) end

-- A queue: its counters, and what Lua has to know of its gate.
local QUEUE = {'closed', 'intake', 'maxl', 'ivl', 'burst', 'grace', 'next', 'share', 'debt', 'leases', 'last', 'served', 'pris',
  'c1', 'c2', 'c4', 'known'}

local function queueOf(name)
  local q = queues[name]
  if q then return q end
  local v = call('HMGET', P .. 'q:' .. name, unpack(QUEUE))
  q = {name = name, delta = {}, dirty = {}}
  for i, field in ipairs(QUEUE) do
    if field == 'pris' then q[field] = v[i] or '' else q[field] = num(v[i]) end
  end
  queues[name] = q
  return q
end

local function set(q, field, value)
  q[field] = value
  q.dirty[field] = value
end

local function know(q)
  if q.known == 0 then
    call('SADD', P .. 'queues', q.name)
    set(q, 'known', 1)
  end
end

local function count(q, field, by)
  q.delta[field] = (q.delta[field] or 0) + by
  if q[field] then q[field] = q[field] + by end
end

local function readyKey(q, pri) return P .. 'y:' .. pri .. ':' .. q end
local function laneName(q, key) return #q .. ':' .. q .. ':' .. key end

local flushLanes

-- finish writes what the call changed and wakes who waits for it.
local function finish()
  flushLanes()
  for name, q in pairs(queues) do
    local key = P .. 'q:' .. name
    for field, by in pairs(q.delta) do
      if by ~= 0 then call('HINCRBY', key, field, by) end
    end
    local args = {}
    for field, value in pairs(q.dirty) do
      args[#args + 1], args[#args + 2] = field, value
    end
    if #args > 0 then call('HSET', key, unpack(args)) end
  end
  local args = {'clock', now}
  for field, value in pairs(meta.was) do
    if meta[field] ~= value then args[#args + 1], args[#args + 2] = field, meta[field] end
  end
  call('HSET', P .. 'meta', unpack(args))
  for name in pairs(stirred) do
    if call('EXISTS', P .. 'wl:' .. name, P .. 'wr:' .. name) > 0 then publish('q' .. name) end
  end
end
