-- The rate cell of one account: which slots in time are taken (see rate-cell.sql for the same algorithm).
--
-- All times are microseconds. Inside the cell they count from `seen`, the server's clock at the last write,
-- so that they stay small and exact, and so that a clock that steps back only makes the cell wait a moment.
--
-- KEYS[1]  the cell
-- ARGV[1]  take | pause | read
-- ARGV[2]  the clock, in tests; empty: the server's own
-- take:    ARGV[3] requests per second, [4] segments per second or empty, [5] lead, [6] horizon,
--          [7...] the segments of each waiting call
--          reply {clock, wait, paused, slot, slot ...}, wait and slots counted from the clock
-- pause:   ARGV[3] length, [4] reason                  reply {}
-- read:    reply {paused, reason or an empty string}

-- The second that a provider counts, and 2 % for a call that arrives a few milliseconds after its slot.
local WINDOW = 1020000
-- Log entries closer than this are one entry, at the time of its newest, which errs on the safe side and
-- keeps the log short at any rate.
local BUCKET = 5000
local IDLE_MS = 7 * 24 * 3600 * 1000
-- The furthest that slots of a lost cell are expected to have been leased ahead.
local LEASE = 100000

local function clock()
  if ARGV[2] ~= "" then
    return tonumber(ARGV[2])
  end
  local time = redis.call("TIME")
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local now = clock()

-- A cell that is not there may have been lost a moment ago, with calls of its last second still leaving: it
-- starts with as much silence as keeps the limit in that case too.
local function fresh(silence)
  return { requests = silence, segments = silence, paused = 0, reason = "", at = {}, cost = {} }
end

local function load()
  local packed = redis.call("GET", KEYS[1])
  if not packed then
    return nil
  end
  local cell = cmsgpack.unpack(packed)
  local elapsed = math.max(0, now - cell.seen)
  cell.requests = cell.requests - elapsed
  cell.segments = cell.segments - elapsed
  cell.paused = math.max(0, cell.paused - elapsed)
  for i = 1, #cell.at do
    cell.at[i] = cell.at[i] - elapsed
  end
  return cell
end

local function save(cell)
  cell.seen = now
  local busy = math.max(0, cell.requests, cell.segments, cell.paused)
  redis.call("SET", KEYS[1], cmsgpack.pack(cell), "PX", string.format("%.0f", busy / 1000 + IDLE_MS))
end

local function take()
  local requestsPerSecond = tonumber(ARGV[3])
  local segmentsPerSecond = tonumber(ARGV[4])
  local lead = tonumber(ARGV[5])
  local horizon = tonumber(ARGV[6])
  local cell = load()
  local lost = cell == nil
  if lost then
    local silence = segmentsPerSecond and WINDOW or math.min(WINDOW, WINDOW / requestsPerSecond)
    cell = fresh(math.max(horizon, LEASE) + silence)
  end

  local at, cost = cell.at, cell.cost
  -- The log from `first` on is what lies in the window that ends at the slot in question; `sum` is its cost.
  local first, sum = 1, 0
  for i = 1, #at do
    sum = sum + cost[i]
  end
  local kept = 1
  local slots = {}
  local wait = 0
  for call = 7, #ARGV do
    local slot = math.max(lead, cell.paused, cell.requests)
    local segments = 0
    if segmentsPerSecond then
      slot = math.max(slot, cell.segments)
      -- A call above the limit never fits: it gets a window for itself.
      segments = math.min(tonumber(ARGV[call]), segmentsPerSecond)
      while first <= #at and (at[first] <= slot - WINDOW or sum + segments > segmentsPerSecond) do
        slot = math.max(slot, at[first] + WINDOW)
        sum = sum - cost[first]
        first = first + 1
      end
    end
    if slot > horizon then
      -- Half-way, so that the next ask gets a block of slots and not one at a time.
      wait = math.max(1000, slot - (lead + horizon) / 2)
      break
    end
    cell.requests = slot + WINDOW / requestsPerSecond
    if segmentsPerSecond then
      cell.segments = slot + tonumber(ARGV[call]) * WINDOW / segmentsPerSecond
      local last = #at
      if last >= first and math.floor((now + at[last]) / BUCKET) == math.floor((now + slot) / BUCKET) then
        at[last] = slot
        cost[last] = cost[last] + segments
      else
        at[last + 1] = slot
        cost[last + 1] = segments
      end
      sum = sum + segments
      kept = first
    end
    slots[#slots + 1] = math.ceil(slot)
  end

  if lost or #slots > 0 then
    cell.at, cell.cost = {}, {}
    for i = kept, segmentsPerSecond and #at or 0 do
      cell.at[#cell.at + 1] = at[i]
      cell.cost[#cell.cost + 1] = cost[i]
    end
    save(cell)
  end
  return { now, math.ceil(wait), math.ceil(cell.paused), unpack(slots) }
end

local function pause()
  local cell = load() or fresh(LEASE + WINDOW)
  local length = tonumber(ARGV[3])
  if length > cell.paused then
    cell.paused = length
    cell.reason = ARGV[4]
  end
  save(cell)
  return {}
end

local function read()
  local cell = load()
  if cell == nil or cell.paused <= 0 then
    return { 0, "" }
  end
  return { math.ceil(cell.paused), cell.reason }
end

if ARGV[1] == "take" then
  return take()
elseif ARGV[1] == "pause" then
  return pause()
end
return read()
