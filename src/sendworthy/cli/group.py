"""How a group of commands lists them in its help. Knows no command."""

from __future__ import annotations

import click


class Group(click.Group):
    """Commands under one name, listed with their whole first sentences, which click would cut off."""

    group_class = type

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list, wrapped."""
        every = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(limit=1000)) for name, one in every if one is not None])
