"""The `simia` command: its groups, and how every error becomes one sentence and an exit code."""

import os
import sqlite3
import sys
import traceback
from importlib import import_module

import click

from simia_tui import __version__, collector
from simia_tui.cli.common import workspace_option
from simia_tui.errors import SimiaError

_MODULES = {
    "open": "workspace",
    "init": "workspace",
    "doctor": "workspace",
    "demo": "workspace",
    "config": "config",
    "import": "data",
    "quarantine": "data",
    "seeds": "data",
    "episodes": "data",
    "agreement": "agreement",
    "formats": "formats",
    "convert": "formats",
    "check": "rules",
    "rules": "rules",
    "eval": "rules",
    "prefilter": "prefilter",
    "rollout": "rollout",
    "judge": "rollout",
    "prompts": "prompts",
    "synthesize": "work",
    "resimulate": "resimulate",
    "regenerate": "resimulate",
    "take": "resimulate",
    "why": "why",
    "jobs": "work",
    "worker": "work",
    "export": "output",
    "exports": "output",
    "train": "train",
    "runs": "output",
    "serve-model": "serving",
}
"""Which module holds which command: a command is imported only when it is asked for."""


class _Lazy(click.Group):
    """A group whose commands are imported on demand, so that `simia` starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        command = getattr(import_module(f"simia_tui.cli.{module}"), f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Lazy, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="simia")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@workspace_option
@click.pass_context
def simia(ctx: click.Context, debug: bool, workspace: str) -> None:
    """Grow, review and train on simulated tool-agent trajectories. Without a command: open the workbench."""
    ctx.obj = {"debug": debug}
    if ctx.invoked_subcommand is None:
        collector.rest()
        from simia_tui.cli.common import open_workspace
        from simia_tui.tui.app import open_workbench

        open_workbench(open_workspace(workspace))


def run(arguments: list[str]) -> int:
    """Runs the command line and returns its exit code; errors are one sentence on standard error."""
    debug = "--debug" in arguments
    try:
        result = simia.main(args=arguments, prog_name="simia", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.Abort:
        return _say("stopped.", 130)
    except click.exceptions.NoArgsIsHelpError as asked:
        # A group alone, as `simia jobs`: the help that it gives keeps its lines.
        print(asked.format_message(), file=sys.stderr)
        return 2
    except click.ClickException as error:
        where = f" See `{error.ctx.command_path} --help`." if isinstance(error, click.UsageError) and error.ctx else ""
        sentence = " ".join(error.format_message().split()).rstrip(".")
        return _say(f"{sentence}.{where}", 2)
    except SimiaError as error:
        if debug:
            traceback.print_exc()
        return _say(str(error), error.exit_code)
    except BrokenPipeError:
        # The reader of our output has left (`| head`); Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _say("stopped.", 130)
    except OverflowError:
        # SQLite's integers end at 2^63; whatever number was longer names nothing that is here.
        if debug:
            traceback.print_exc()
        return _say("a number is too large; write a smaller one.", 2)
    except sqlite3.Error as error:
        if debug:
            raise
        from simia_tui.store.connection import explain

        explained = explain(error)
        return _say(str(explained), explained.exit_code)


def _say(sentence: str, code: int) -> int:
    print(f"simia: {sentence}", file=sys.stderr)
    return code
