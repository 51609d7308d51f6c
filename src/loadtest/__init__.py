"""The load test. It imports nothing of the services and learns what they are from what they publish.

Its parts, each of which knows only those below it (`lint-imports` holds it):

    cli, commands  the command line
    run         the parent process: starts generators, watches them, owns the verdict
    generator   the locust side: who asks what, and when
    report      summary, dashboard and manifest of a run, and their verification
    judge       validity checks, goals, verdict, summary
    client      HTTP to the services: questions and retries, counters, descriptions
    stats       exact arithmetic over rows
    plan        flags, stages and goals of a run
    record      part files, rows, results.csv
"""
