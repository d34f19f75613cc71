-- The token cell of one account: the sealed token with its generation, and the leave to refresh it.
--
-- Times are microseconds of the server's clock; the lease ends by the key's own expiry.
--
-- KEYS[1]  the token, a hash          KEYS[2]  the lease: its holder, for as long as it lasts
-- ARGV[1]  read | lease | write | release
-- read:    reply {generation, sealed, age, life in ms}, or {} while there is no token
-- lease:   ARGV[2] holder, [3] generation seen, [4] length in ms      reply granted | taken | moved
-- write:   ARGV[2] holder, [3] sealed, [4] life in ms                 reply 1, or 0: the lease was lost
-- release: ARGV[2] holder                                             reply 1

local function clock()
  local time = redis.call("TIME")
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function holds(holder)
  return redis.call("GET", KEYS[2]) == holder
end

local function read()
  local cell = redis.call("HMGET", KEYS[1], "generation", "sealed", "written", "life")
  if not cell[1] then
    return {}
  end
  return { tonumber(cell[1]), cell[2], math.max(0, clock() - tonumber(cell[3])), tonumber(cell[4]) }
end

local function lease()
  local generation = tonumber(redis.call("HGET", KEYS[1], "generation") or 0)
  if generation ~= tonumber(ARGV[3]) then
    return "moved"
  end
  -- The holder who asks again did not hear the first answer.
  if redis.call("EXISTS", KEYS[2]) == 1 and not holds(ARGV[2]) then
    return "taken"
  end
  redis.call("SET", KEYS[2], ARGV[2], "PX", ARGV[4])
  return "granted"
end

local function write()
  if not holds(ARGV[2]) then
    return 0
  end
  redis.call("HINCRBY", KEYS[1], "generation", 1)
  redis.call("HSET", KEYS[1], "sealed", ARGV[3], "written", string.format("%.0f", clock()), "life", ARGV[4])
  redis.call("DEL", KEYS[2])
  return 1
end

if ARGV[1] == "read" then
  return read()
elseif ARGV[1] == "lease" then
  return lease()
elseif ARGV[1] == "write" then
  return write()
end
if holds(ARGV[2]) then
  redis.call("DEL", KEYS[2])
end
return 1
