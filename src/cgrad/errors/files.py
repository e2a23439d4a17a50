"""Programs outside of the process that recorded them: files and pickles."""

from __future__ import annotations

import os
from typing import Any

from .describe import named, shown
from .exceptions import GuardError, ProgramError

__all__ = ["arguments_missing", "bad_file", "captured_here", "class_not_imported", "class_without_name",
           "damaged_program", "function_missing", "not_for_files", "other_class", "path_missing", "several_paths",
           "unknown_operation"]


def damaged_program(what: str) -> ProgramError:
    return ProgramError(f"{what}: this is not a program, or it was damaged: save it again")


def bad_file(path: object, what: str) -> ProgramError:
    return ProgramError(f"load: {os.fspath(path) if isinstance(path, os.PathLike) else path}: {what}")


def several_paths(path: object, n: int) -> ProgramError:
    return bad_file(path, f"it holds {n} paths, and a program is one: use cgrad.load")


def unknown_operation(name: str) -> ProgramError:
    return ProgramError(f"the operation {name!r} is not known to this cgrad: another version wrote it, or damage did")


def not_for_files(what: str, value: object) -> ProgramError:
    return ProgramError(f"save: {what} holds the constant {shown(value)}: files hold None, bools, text, ints, floats "
                        "and tuples of them: pickle it, or give one of these")


def class_without_name(what: str, name: str) -> ProgramError:
    return ProgramError(f"save: {what} holds a {name}, which cannot be found again by that name: define the class at "
                        "the top of a module")


def class_not_imported(name: str) -> ProgramError:
    module, _, path = name[:160].partition(":")
    return ProgramError(f"it holds a {path} of {module}, which is not imported: import {module} first; loading a file "
                        "imports nothing")


def other_class(name: str, wanted: str) -> ProgramError:
    return ProgramError(f"it holds {wanted[:80]}, and {name[:80]} is another class here: another version wrote it, or "
                        "it was damaged")


def function_missing(name: str) -> TypeError:
    return TypeError(f"{name}: was loaded without its function, as recorded paths alone, which take plain numbers and "
                     "arrays: give their .data")


def path_missing(name: str, reason: str) -> GuardError:
    return GuardError(f"{name}: was loaded without its function, and no path is recorded for these numbers ({reason}): "
                      "record it where the function is, and save or send it again")


def arguments_missing(name: str, given: str, *known: str) -> TypeError:
    recorded = ", ".join([f"({text})" for text in known])
    return TypeError(f"{name}: was loaded without its function, and no path is recorded for ({given}), only for "
                     f"{recorded}: record it where the function is, and save or send it again")


def captured_here(name: str, leaf: Any) -> GuardError:
    return GuardError(f"{name}: was unpickled with copies of the Values of its recorded paths, and another path uses "
                      f"{named(leaf)} of a module here, which may have another number: record that path before, or "
                      "give it as an argument")
