"""Paper passes the conformance kit."""

import json

from virtmigrate_paper import plugin
from virtmigrate_paper.hypervisor import PaperGuest, boot

from virtmigrate.host import RunState
from virtmigrate_testkit import Bench, Copy, conformance


class Paper(Bench):
    label = "paper"
    plugins = (plugin,)

    def open(self, request):
        folder = request.getfixturevalue("tmp_path_factory").mktemp("paper")
        self.paths = folder / "a", folder / "b"
        for path in self.paths:
            path.mkdir()

    def hosts(self):
        return tuple(f"paper://{path}" for path in self.paths)

    def start(self, name, state, *, persistent):
        boot(self.paths[0], name, state, persistent=persistent)

    def _files(self, name):
        for path in self.paths:
            read = {f: json.loads(f.read_text("utf-8")) for f in path.glob("*.json")}
            yield path, {f: had for f, had in read.items() if had["name"] == name}

    def look(self, name):
        found = (next(iter(had.values()), None) for _, had in self._files(name))
        return tuple(
            Copy(RunState(had["state"]), had["definition"]) if had else Copy()
            for had in found
        )

    def progress(self, name):
        host = type("Directory", (), {})
        ticks = [0.0]
        for host.path, had in self._files(name):
            ticks += [PaperGuest(host, file.stem).cpu_s() for file in had]
        return max(ticks)

    def slow(self):
        plugin.PAGE_S = 0.4

    def older(self, definition):
        return definition.replace("{", '{"title": "older", ', 1)

    def tidy(self):
        plugin.PAGE_S = 0.005
        for path in self.paths:
            for file in path.iterdir():
                file.unlink()


TestPaper = conformance(Paper)
