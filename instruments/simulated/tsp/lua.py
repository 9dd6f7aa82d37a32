"""A Lua interpreter that sees an instrument and nothing else.

Lua 5.1 is the nearest to the 5.0 of TSP instruments that is still kept: all numbers are floats, and
`table.getn` is there. A chunk that never ends is ended after so many steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MOST_STEPS = 100_000_000
# An access to the instrument takes about as long as so many steps.
_ACCESS_STEPS = 100
_MOST_BYTES = 200_000_000
# What a value of the wrong kind raises where it is used.
_MISUSES = (TypeError, ValueError, OverflowError)
_PLACE = re.compile(r'(?:\[string "[^"]*"\]|[^:\n]*):(\d+): (.*)', re.DOTALL)

# Scripts get Lua tables and Lua functions only, never an object of ours to climb out by.
_SETUP = """
local get, set, overrun, most_steps, access_steps, most_kept = ...
local owners = setmetatable({}, {__mode = "k"})
local hook, sethook, create = nil, debug.sethook, coroutine.create
local error, select, unpack, setmetatable = error, select, unpack, setmetatable
local loadstring, setfenv, pcall = loadstring, setfenv, pcall
local steps, accesses, getinfo = 0, 0, debug.getinfo

local function wrap(call)
  return function(...)
    accesses = accesses + 1
    local result = {call(select("#", ...), ...)}
    if result[1] == false then error(result[2], 2) end
    return unpack(result, 3, result[2] + 2)
  end
end

local function proxy(owner)
  local made = setmetatable({}, {
    __index = function(_, key)
      local ok, value = get(owner, key)
      if ok == false then error(value, 2) end
      return value
    end,
    __newindex = function(_, key, value)
      local ok, words = set(owner, key, value)
      if ok == false then error(words, 2) end
    end,
    -- A script runs when it is called.
    __call = function(_, ...)
      local ok, run = get(owner, "run")
      if run == nil then error("attempt to call a table value", 2) end
      return run(...)
    end,
    __metatable = "locked",
  })
  owners[made] = owner
  return made
end

hook = function()
  steps = steps + 100000 + access_steps * accesses
  accesses = 0
  if steps > most_steps then
    -- From now on at every step: a script may catch errors.
    sethook(hook, "", 1)
    overrun(getinfo(2, "l").currentline)
    error("the script was aborted: it did not end", 2)
  end
end

local function guarded_create(run)
  local made = create(run)
  sethook(made, hook, "", 100000)
  return made
end

coroutine.create = guarded_create
local resume = coroutine.resume
coroutine.wrap = function(run)
  local made = guarded_create(run)
  return function(...)
    local result = {resume(made, ...)}
    if not result[1] then error(result[2], 0) end
    return unpack(result, 2)
  end
end

-- What scripts keep is theirs until it fills the memory: then all of their globals go.
local collect, pairs, globals, factory = collectgarbage, pairs, _G, nil
local function keep()
  factory = {}
  for name in pairs(globals) do factory[name] = true end
end
local function tidy()
  if collect("count") * 1024 < most_kept then return end
  collect()
  if collect("count") * 1024 < most_kept then return end
  for name in pairs(globals) do
    if not factory[name] then globals[name] = nil end
  end
  collect()
end

local function run(chunk)
  steps, accesses = 0, 0
  sethook(hook, "", 100000)
  local ok, words = pcall(chunk)
  sethook()
  -- Outside of a call nothing catches that the memory is full: that would end the process.
  pcall(tidy)
  return ok, words
end

return proxy, wrap, run, sethook, function(made) return owners[made] end, keep
"""
_HIDDEN = (
    "io", "os", "package", "python", "debug", "require", "module", "dofile", "loadfile", "load",
    "collectgarbage", "gcinfo", "newproxy", "getfenv", "setfenv",
)  # fmt: skip


class LuaError(Exception):
    """A chunk that cannot be compiled, or that stopped.

    Attributes
    ----------
    line : int
    words : str
    """

    def __init__(self, message: str) -> None:
        place = _PLACE.match(message)
        self.line = int(place[1]) if place else 1
        # Lua 5.0 quotes names like this.
        self.words = re.sub(r"'([^'\n]*)'", r"`\1'", place[2] if place else message)
        super().__init__(message)


class ScriptError(Exception):
    """Stops the script that called."""


@dataclass(frozen=True)
class Attribute:
    """A value that is asked for, and written unless there is no way to."""

    read: Callable[[], Any]
    write: Callable[[Any], None] | None = None


class Table:
    """What scripts see as a table: attributes, functions, constants and more tables.

    Parameters
    ----------
    **members
        Attribute, callable, Table, or a constant.
    """

    def __init__(self, **members: Any) -> None:
        self.members: dict[Any, Any] = dict(members)
        self.proxy: Any = None

    def read(self, key: Any) -> Any:
        """Return a member; None, as Lua's nil, if there is none."""
        found = self.members.get(key)
        return found.read() if isinstance(found, Attribute) else found

    def write(self, key: Any, value: Any) -> None:
        """Give an attribute a value.

        Raises
        ------
        ScriptError
            If it has no such attribute, or it is read-only.
        """
        found = self.members.get(key)
        if not isinstance(found, Attribute):
            raise ScriptError(f"attempt to assign to unknown attribute `{key}'")
        if found.write is None:
            raise ScriptError(f"attempt to assign to read-only attribute `{key}'")
        found.write(value)


class Lua:
    """The interpreter.

    Parameters
    ----------
    touched : callable
        Called at every access to the instrument.
    """

    def __init__(self, touched: Callable[[], None]) -> None:
        # Only benches with a TSP instrument need the interpreter.
        from lupa import lua51

        self._error = lua51.LuaError
        self._type = lua51.lua_type
        self._touched = touched
        self._lua = lua51.LuaRuntime(
            encoding="latin-1",
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            max_memory=_MOST_BYTES,
        )
        self.globals = self._lua.globals()
        self._load = self.globals.loadstring
        self._overrun_line = 0
        self.is_running = self._is_left = False
        (
            self._proxy, self._wrap, self._run, self._sethook, self._owner, self.keep,
        ) = self._lua.execute(
            _SETUP, self._get, self._set, self._note_overrun, _MOST_STEPS, _ACCESS_STEPS,
            _MOST_BYTES // 2,
        )  # fmt: skip
        for name in _HIDDEN:
            self.globals[name] = None
        self.globals.string.dump = None

    def compile(self, text: str) -> Any:
        """Return a chunk as a function.

        Raises
        ------
        LuaError
            If it is none.
        """
        found = self._load(text, "=chunk")
        if isinstance(found, tuple):
            raise LuaError(str(found[1]))
        return found

    def run(self, chunk: Any) -> None:
        """Run a chunk.

        Raises
        ------
        LuaError
            If it stopped.
        """
        self._overrun_line, self._is_left = 0, False
        self.is_running = True
        try:
            result = self._run(chunk)
        except self._error as error:
            result = False, str(error)
        finally:
            self._sethook()
            self.is_running = False
        if self._overrun_line:
            raise LuaError(f"chunk:{self._overrun_line}: the script was aborted: it did not end")
        if self._is_left:
            return
        if isinstance(result, tuple) and result[0] is False:
            if isinstance(result[1], BaseException):
                raise result[1]  # the simulator's own fault is not the script's
            raise LuaError(str(result[1]))

    def call(self, chunk: Any) -> None:
        """Run a chunk from within another one.

        Raises
        ------
        ScriptError
            If it stopped.
        """
        try:
            chunk()
        except self._error as error:
            raise ScriptError(LuaError(str(error)).words) from error

    def define(self, name: str, value: Any) -> None:
        """Give scripts a global."""
        self.globals[name] = self.to_lua(value)

    def to_lua(self, value: Any) -> Any:
        """Return a value as scripts may have it."""
        if isinstance(value, Table):
            if value.proxy is None:
                value.proxy = self._proxy(value)
            return value.proxy
        if isinstance(value, list):
            return self._lua.table_from([self.to_lua(each) for each in value])
        if isinstance(value, bool) or not callable(value) or self._type(value):
            return value
        return self._wrap(self._called(value))

    def from_lua(self, value: Any) -> Any:
        """Return what a script gave: a Table of ours, or what Lua makes of it."""
        if self._type(value) == "table":
            return self._owner(value) or value
        return value

    def listed(self, value: Any) -> list[Any] | None:
        """Return a Lua table's list part; None if it is no plain table."""
        if self._type(value) != "table" or self._owner(value):
            return None
        return [value[place + 1] for place in range(len(value))]

    def type_of(self, value: Any) -> str:
        """Return Lua's name for the type of a value that is no number or text."""
        return "table" if isinstance(value, Table) else str(self._type(value) or "userdata")

    def leave(self) -> None:
        """End the chunk that runs, without a fault."""
        self._is_left = True
        raise ScriptError("exit")

    def _note_overrun(self, line: int) -> None:
        self._overrun_line = self._overrun_line or max(1, line)

    def _called(self, function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
        def call(count: int, *values: Any) -> tuple[Any, ...]:
            self._touched()
            try:
                result = function(*(self.from_lua(value) for value in values[:count]))
            except (ScriptError, *_MISUSES) as error:
                return False, str(error)
            results = result if isinstance(result, tuple) else (result,)
            return (True, len(results), *(self.to_lua(each) for each in results))

        return call

    def _get(self, owner: Table, key: Any) -> tuple[bool, Any]:
        self._touched()
        try:
            found = owner.read(key)
        except ScriptError as error:
            return False, str(error)
        if callable(found) and not isinstance(found, Table):
            # The same function each time, so that scripts can compare and keep it.
            found = owner.members[key] = self.to_lua(found)
        return True, self.to_lua(found)

    def _set(self, owner: Table, key: Any, value: Any) -> tuple[bool, Any]:
        self._touched()
        try:
            owner.write(key, self.from_lua(value))
        except (ScriptError, *_MISUSES) as error:
            return False, str(error)
        return True, None
