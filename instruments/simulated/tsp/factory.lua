-- The factory scripts KISweep and KIPulse: what the instrument brings along for linear, list and
-- logarithmic sweeps and for pulse trains of one channel.

local function prepare(smu)
  local buffer = smu.nvbuffer1
  buffer.clear()
  buffer.collecttimestamps = 1
  buffer.collectsourcevalues = 1
  buffer.appendmode = 1
end

local function step_through(smu, source, level, read, stime, points)
  prepare(smu)
  smu.source.func = source == "v" and smu.OUTPUT_DCVOLTS or smu.OUTPUT_DCAMPS
  smu.source["level" .. source] = level(1)
  smu.source.output = smu.OUTPUT_ON
  for n = 1, points do
    smu.source["level" .. source] = level(n)
    delay(stime)
    smu.measure[read](smu.nvbuffer1)
  end
  smu.source.output = smu.OUTPUT_OFF
end

local function linear(first, last, points)
  local width = points > 1 and (last - first) / (points - 1) or 0
  return function(n) return first + (n - 1) * width end
end

local function logarithmic(first, last, points)
  local ratio = points > 1 and (last / first) ^ (1 / (points - 1)) or 1
  return function(n) return first * ratio ^ (n - 1) end
end

function SweepVLinMeasureI(smu, first, last, stime, points)
  step_through(smu, "v", linear(first, last, points), "i", stime, points)
end

function SweepILinMeasureV(smu, first, last, stime, points)
  step_through(smu, "i", linear(first, last, points), "v", stime, points)
end

function SweepVLogMeasureI(smu, first, last, stime, points)
  step_through(smu, "v", logarithmic(first, last, points), "i", stime, points)
end

function SweepILogMeasureV(smu, first, last, stime, points)
  step_through(smu, "i", logarithmic(first, last, points), "v", stime, points)
end

function SweepVListMeasureI(smu, list, stime, points)
  step_through(smu, "v", function(n) return list[n] end, "i", stime, points)
end

function SweepIListMeasureV(smu, list, stime, points)
  step_through(smu, "i", function(n) return list[n] end, "v", stime, points)
end

local function pulse(smu, source, read, bias, level, ton, toff, points)
  prepare(smu)
  smu.source.func = source == "v" and smu.OUTPUT_DCVOLTS or smu.OUTPUT_DCAMPS
  smu.source["level" .. source] = bias
  smu.source.output = smu.OUTPUT_ON
  for n = 1, points do
    local started = timer.measure.t()
    smu.source["level" .. source] = level
    local aperture = smu.measure.nplc / localnode.linefreq
    delay(math.max(0, ton - aperture - (timer.measure.t() - started)))
    smu.measure[read](smu.nvbuffer1)
    smu.source["level" .. source] = bias
    delay(toff)
  end
  smu.source.output = smu.OUTPUT_OFF
end

function PulseVMeasureI(smu, bias, level, ton, toff, points)
  pulse(smu, "v", "i", bias, level, ton, toff, points)
end

function PulseIMeasureV(smu, bias, level, ton, toff, points)
  pulse(smu, "i", "v", bias, level, ton, toff, points)
end

-- KIPulse: a pulse train is configured under a tag, and run by its tag.

local trains = {}

local function configure(read, level, buffer, bias, limit, ton, toff, points, tag)
  local smu
  for _, each in pairs({smua, smub}) do
    if buffer == each.nvbuffer1 or buffer == each.nvbuffer2 then smu = each end
  end
  if not smu then return false, "buffer: a dedicated reading buffer is expected" end
  if not (ton > 0 and toff > 0) then return false, "ton, toff: a time above zero is expected" end
  if points < 1 then return false, "points: at least one is expected" end
  if tag == nil then return false, "tag: a number is expected" end
  trains[tag] = {smu = smu, read = read, level = level, buffer = buffer, bias = bias,
    limit = limit, ton = ton, toff = toff, points = points}
  return true, "Pulse test configured"
end

function ConfigPulseIMeasureV(buffer, bias, level, limit, ton, toff, points, tag)
  return configure("v", function() return level end, buffer, bias, limit, ton, toff, points, tag)
end

function ConfigPulseVMeasureI(buffer, bias, level, limit, ton, toff, points, tag)
  return configure("i", function() return level end, buffer, bias, limit, ton, toff, points, tag)
end

local function configure_sweep(read, course)
  return function(buffer, bias, first, last, limit, ton, toff, points, tag)
    local level = course(first, last, points)
    return configure(read, level, buffer, bias, limit, ton, toff, points, tag)
  end
end

ConfigPulseIMeasureVSweepLin = configure_sweep("v", linear)
ConfigPulseIMeasureVSweepLog = configure_sweep("v", logarithmic)
ConfigPulseVMeasureISweepLin = configure_sweep("i", linear)
ConfigPulseVMeasureISweepLog = configure_sweep("i", logarithmic)

function InitiatePulseTest(tag)
  local train = trains[tag]
  if not train then return false, "tag: no pulse test is configured under it" end
  local smu, read = train.smu, train.read
  if smu.source.output ~= smu.OUTPUT_ON then return false, "output: it must be on" end
  local source = read == "i" and "v" or "i"
  smu.source.func = source == "v" and smu.OUTPUT_DCVOLTS or smu.OUTPUT_DCAMPS
  smu.source["limit" .. read] = train.limit
  local before = smu.source["level" .. source]
  train.buffer.clear()
  train.buffer.appendmode = 1
  for n = 1, train.points do
    local started = timer.measure.t()
    smu.source["level" .. source] = train.level(n)
    local aperture = smu.measure.nplc / localnode.linefreq
    delay(math.max(0, train.ton - aperture - (timer.measure.t() - started)))
    smu.measure[read](train.buffer)
    smu.source["level" .. source] = train.bias
    delay(train.toff)
  end
  smu.source["level" .. source] = before
  return true, "Pulse test finished"
end

function InitiatePulseTestDual(first, second)
  local ok, words = InitiatePulseTest(first)
  if not ok then return ok, words end
  return InitiatePulseTest(second)
end

script.factory = {catalog = function()
  local names, at = {"KISweep", "KIPulse"}, 0
  return function() at = at + 1 return names[at] end
end}

-- The interpreter keeps its memory by itself.
function collectgarbage() end
function gcinfo() return 1000, 32000 end
meminfo = gcinfo

-- Lua 5.0 had these.
table.getn = table.getn or function(list) return #list end
