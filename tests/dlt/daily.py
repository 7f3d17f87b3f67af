"""Loads the dated CSV exports of a bucket into Postgres, new days only, with dlt.

    DATABASE_URL=postgresql://user@host/db daily.py --form append|merge \\
        --files FOLDER --bucket NAME --prefix orders-create/ --since YYYY-MM-DD \\
        --until YYYY-MM-DD --dataset DATASET --table orders_create

FOLDER mirrors the bucket: the object `orders-create/report_2025-12-01T1849_8f3a.csv` is the file
`FOLDER/orders-create/report_2025-12-01T1849_8f3a.csv`. Every cell is loaded as text. Each row also
says where it is from: `_file_name` (bucket and key), `_row_id` (from 0), `_file_date`, `_client_id`
and `_loaded_at`.

append   rows are added; a cursor on `_file_date` remembers the last day
merge    rows replace those of the same `_file_name` and `_row_id`; the files that were loaded are
         remembered by name

Files with a date before --since are left alone: the loader started that day. Files with a date
after --until are not seen, as if the day had not come yet. The last line of output is JSON: the
rows that were sent, and the ids of the loads.
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import time

os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")

import dlt
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
KEY = ("_file_name", "_row_id")
COLUMNS = {
    "_file_name": {"data_type": "text"},
    "_row_id": {"data_type": "bigint"},
    "_file_date": {"data_type": "text"},
    "_client_id": {"data_type": "text"},
    "_loaded_at": {"data_type": "timestamp"},
}


def files(args):
    """Yields name, date and path of each export, oldest first."""
    found = []
    for path in (args.files / args.prefix).rglob("*.csv"):
        name = f"{args.bucket}/{path.relative_to(args.files).as_posix()}"
        date = DATE.search(name)
        if date and args.since <= date.group() <= args.until:
            found.append((date.group(), name, path))
    for date, name, path in sorted(found):
        yield name, date, path


def rows(name, date, path, client):
    """Yields the records of one file, with where they are from."""
    loaded_at = datetime.datetime.now(datetime.timezone.utc)
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        for number, record in enumerate(csv.DictReader(file)):
            record.pop(None, None)
            yield {
                **record,
                "_file_name": name,
                "_row_id": number,
                "_file_date": date,
                "_client_id": client,
                "_loaded_at": loaded_at,
            }


def append(args):
    """The resource that adds rows; its cursor is the date of the newest row."""

    @dlt.resource(
        name=args.table, write_disposition="append", primary_key=KEY, columns=COLUMNS
    )
    def resource(day=dlt.sources.incremental("_file_date")):
        for name, date, path in files(args):
            if day.last_value is None or date >= day.last_value:
                yield from rows(name, date, path, args.client)

    return resource


def merge(args):
    """The resource that replaces rows; its cursor is the list of the files that were loaded."""

    @dlt.resource(name=args.table, write_disposition="merge", primary_key=KEY, columns=COLUMNS)
    def resource():
        seen = dlt.current.resource_state().setdefault("files", {})
        for name, date, path in files(args):
            if name not in seen:
                yield from rows(name, date, path, args.client)
                seen[name] = date

    return resource


def delay_commits(seconds):
    """Keeps each transaction open before its commit, as a much larger load would."""
    commit = Psycopg2SqlClient.commit_transaction

    def commit_later(client):
        time.sleep(seconds)
        commit(client)

    Psycopg2SqlClient.commit_transaction = commit_later


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--form", choices=["append", "merge"], required=True)
    parser.add_argument("--files", type=pathlib.Path, required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--since", default="0000-00-00")
    parser.add_argument("--until", default="9999-12-31")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--client", default="acme")
    parser.add_argument("--state", help="the folder of dlt's local state")
    parser.add_argument("--commit-delay", type=float, default=0)
    return parser.parse_args()


def main():
    args = arguments()
    if args.commit_delay:
        delay_commits(args.commit_delay)
    pipeline = dlt.pipeline(
        pipeline_name=f"daily_{args.table}",
        pipelines_dir=args.state,
        destination=dlt.destinations.postgres(os.environ["DATABASE_URL"]),
        dataset_name=args.dataset,
    )
    load = pipeline.run({"append": append, "merge": merge}[args.form](args)())
    trace = pipeline.last_trace.last_normalize_info
    count = trace.row_counts.get(args.table, 0) if trace else 0
    print(json.dumps({"rows": count, "loads": load.loads_ids if load else []}))


if __name__ == "__main__":
    main()
