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

-- Lua 5.0 had these.
table.getn = table.getn or function(list) return #list end
