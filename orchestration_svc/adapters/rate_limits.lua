-- Takes one request out of every allowance of a tenant, or out of none.
-- KEYS: bucket of the tenant, bucket of the key, bytes of the day, requests under way (all of one tenant);
--       and, where the token is asked for, the set of those that were revoked.
-- ARGV: requests per minute of the tenant, of the key, bytes per day, requests at once (0: no limit),
--       bytes of this request, its ticket, milliseconds after which a ticket counts as lost,
--       the token ('': not asked for), what stands in the set when it is complete,
--       and tickets of the tenant that are given back before anything is counted.
-- Answers: -1 and nothing counted unless the token is known not to be revoked; else what was exceeded (0: nothing, else the place of its limit in ARGV), limit, how many are left,
--          milliseconds until all are there again, milliseconds to wait.
-- The server's clock counts, so that the clocks of several processes need not agree.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local DAY = 86400000
local day_limit, at_once = tonumber(ARGV[3]), tonumber(ARGV[4])
local bytes, lease = tonumber(ARGV[5]), tonumber(ARGV[7])
local exceeded, wait = 0, 0

if #ARGV > 9 then
  redis.call('ZREM', KEYS[4], unpack(ARGV, 10))
end
if ARGV[8] ~= '' then
  if redis.call('SISMEMBER', KEYS[5], ARGV[8]) == 1 or redis.call('SISMEMBER', KEYS[5], ARGV[9]) == 0 then
    return {-1}
  end
end

local function refuse(what, milliseconds)
  if milliseconds > wait then
    exceeded, wait = what, milliseconds
  end
end

local levels = {}
for place = 1, 2 do
  local limit = tonumber(ARGV[place])
  if limit > 0 then
    local kept = redis.call('HMGET', KEYS[place], 'tokens', 'at')
    local level = limit
    if kept[1] then
      local gone = math.max(0, now - tonumber(kept[2]))
      level = math.min(limit, tonumber(kept[1]) + gone * limit / 60000)
    end
    levels[place] = level
    if level < 1 then
      refuse(place, math.ceil((1 - level) * 60000 / limit))
    end
  end
end

local used = 0
local day = math.floor(now / DAY)
if day_limit > 0 then
  local kept = redis.call('HMGET', KEYS[3], 'day', 'bytes')
  if kept[1] and tonumber(kept[1]) == day then
    used = tonumber(kept[2])
  end
  if used + bytes > day_limit then
    refuse(3, (day + 1) * DAY - now)
  end
end

if at_once > 0 then
  -- Whoever took a ticket and died does not hold it for ever.
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
  if redis.call('ZCARD', KEYS[4]) >= at_once then
    refuse(4, 1000)
  end
end

if exceeded == 0 then
  for place = 1, 2 do
    if levels[place] then
      levels[place] = levels[place] - 1
      redis.call('HSET', KEYS[place], 'tokens', string.format('%.6f', levels[place]), 'at', now)
      redis.call('PEXPIRE', KEYS[place], 61000)
    end
  end
  if day_limit > 0 then
    redis.call('HSET', KEYS[3], 'day', day, 'bytes', string.format('%.0f', used + bytes))
    redis.call('PEXPIRE', KEYS[3], 2 * DAY)
  end
  if at_once > 0 then
    redis.call('ZADD', KEYS[4], now + lease, ARGV[6])
    redis.call('PEXPIRE', KEYS[4], lease)
  end
end

local tightest = 0
for place = 1, 2 do
  if levels[place] and (tightest == 0 or levels[place] < levels[tightest]) then
    tightest = place
  end
end
if tightest == 0 then
  return {exceeded, 0, 0, 0, wait}
end
local limit, level = tonumber(ARGV[tightest]), levels[tightest]
return {exceeded, limit, math.max(0, math.floor(level)), math.ceil((limit - level) * 60000 / limit), wait}
