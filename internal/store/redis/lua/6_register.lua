-- While the server is at its maxmemory, what ends work goes on; what adds some does not.
local ENDS = {'allow-oom'}

local function register(name, f, flags)
  redis.register_function({function_name = NAME .. '_' .. name, callback = f, flags = flags or {}})
end

register('enqueue', enqueue)
register('import', import)
register('lease', lease, ENDS)
register('leave', leave, ENDS)
register('extend', extend, ENDS)
register('settle', settle, ENDS)
register('get', get, {'no-writes'})
register('watch', watch, ENDS)
register('position', position, ENDS)
register('cancel', cancel, ENDS)
register('redrive', redrive)
register('remove', removeAll, ENDS)
register('lose', lose, ENDS)
register('run', run, ENDS)
register('ring', ringOne, ENDS)
register('reserve', reserve, ENDS)
register('return', giveBack, ENDS)
register('gate', gate, ENDS)
register('setgate', setgate, ENDS)
register('discard', discard, ENDS)
register('stats', stats, ENDS)
