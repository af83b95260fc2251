"""`run store`: commands on a store of 100,000 made-up runs (store.yaml, fill.c). `run queue`: what the scheduler adds to a job that does
nothing, beside ninja and GNU parallel on the same jobs, and beside starting them one by one with nothing around; runs in turn.
Seconds are wall time, memory is the largest resident size of the process.
"""
import os
import shutil
import statistics
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def timed(argv, env=None):
    """Wall seconds, CPU seconds and peak memory in MB; a status of 1 says that runs have failed, as some here have."""
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        raise SystemExit(f"{argv} exited with status {child.returncode}")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def store(o, folder, say):
    recipe, workspace = os.path.join(HERE, "store.yaml"), os.path.join(folder, "ws")
    promptgrid = os.path.join(o.build, "promptgrid")
    subprocess.run([os.path.join(o.build, "tests", "bench-fill"), recipe, workspace], check=True)
    small = os.path.join(os.path.dirname(os.path.dirname(HERE)), "recipes", "quick.yaml")
    cases = [("plan", "plan", recipe), ("status", "status", recipe), ("table of 50,000 runs", "table", recipe, "--name", "base-to-new"),
             ("tables of 100,000 runs", "table", recipe), ("the same as CSV", "table", recipe, "--format", "csv"),
             ("the same as JSON", "table", recipe, "--json"), ("report", "report", recipe, "-o", os.path.join(folder, "report.html")),
             ("plan of 170 other runs", "plan", small), ("table of 170 other runs", "table", small)]
    for name, *argv in cases:
        runs = [timed([promptgrid, *argv, "--workspace", workspace]) for _ in range(o.rounds)]
        say(bench="store", case=f"{name}, 100,000 runs in the store", ours=round(statistics.median(r[0] for r in runs), 2), peer=None, ratio=None,
            unit="s", cpu=round(statistics.median(r[1] for r in runs), 2), ours_peak_mb=round(max(r[2] for r in runs), 1))


def queue(o, folder, say):
    fake, promptgrid = os.path.join(o.build, "tests", "fake-runner"), os.path.join(o.build, "promptgrid")
    recipe, workspace = os.path.join(HERE, "queue.yaml"), os.path.join(folder, "ws")

    def ours(jobs):
        shutil.rmtree(workspace, ignore_errors=True)
        return timed([promptgrid, "run", recipe, "--workspace", workspace, "--jobs", str(jobs), "--device", "cpu"], os.environ | {"PROMPTGRID_RUNNER": fake})[0]

    ours(1)  # the job files that the others are given
    files = sorted(os.path.join(workspace, "jobs", name) for name in os.listdir(os.path.join(workspace, "jobs")))
    shutil.copytree(os.path.join(workspace, "jobs"), os.path.join(folder, "jobs"))
    files = [os.path.join(folder, "jobs", os.path.basename(f)) for f in files]
    command = f"{fake} run %s --events-fd 3 3>/dev/null"

    def ninja(jobs):
        build = os.path.join(folder, "ninja")
        shutil.rmtree(build, ignore_errors=True)
        os.makedirs(build)
        with open(os.path.join(build, "build.ninja"), "w") as out:
            out.write(f"rule job\n  command = {command % '$in'} && touch $out\n")
            out.writelines(f"build {i}: job {f}\n" for i, f in enumerate(files))
        return timed(["ninja", "-C", build, f"-j{jobs}", "--quiet"])[0]

    def parallel(jobs):
        return timed(["parallel", "--will-cite", f"-j{jobs}", command % "{}", ":::", *files])[0]

    def bare(jobs):
        """No scheduler: posix_spawn, and wait for any to end."""
        null = os.open("/dev/null", os.O_WRONLY)
        start, running = time.perf_counter(), 0
        for f in files:
            if running == jobs:
                os.wait()
            else:
                running += 1
            os.posix_spawn(fake, [fake, "run", f, "--events-fd", "3"], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 3)])
        for _ in range(running):
            os.wait()
        os.close(null)
        return time.perf_counter() - start

    contestants = {"promptgrid": ours, "bare": bare}
    for name, run in (("ninja", ninja), ("parallel", parallel)):
        if shutil.which(name):
            contestants[name] = run
        else:
            print(f"queue: {name} is not installed and left out")
    for jobs in sorted({1, len(os.sched_getaffinity(0))}):
        seconds = {name: [] for name in contestants}
        for _ in range(o.rounds):
            for name, run in contestants.items():
                for made in ("prompts", "banks"):  # where the jobs write; as new for each
                    shutil.rmtree(os.path.join(workspace, made), ignore_errors=True)
                    os.makedirs(os.path.join(workspace, made))
                seconds[name].append(run(jobs))
        each = {name: 1000 * statistics.median(all) / len(files) for name, all in seconds.items()}
        for name in contestants:
            if name != "bare":
                say(bench="queue", case=f"{name}, {len(files)} jobs that do nothing, {jobs} at a time", ours=round(each[name], 2), peer=round(each["bare"], 2),
                    ratio=round(each["bare"] / each[name], 2), unit="ms/job", overhead=round(each[name] - each["bare"], 2))
