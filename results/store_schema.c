/*
 * The tables of the store, as steps from one version to the next. A step that has left this folder
 * is never edited: a change is a new step and a new STORE_VERSION.
 *
 * Times are UTC text; hashes are hex text; JSON columns hold canonical text. The views `runs` and
 * `results` are for people: `sqlite3 FILE 'select * from results'`.
 */
#include "results/store_internal.h"

// clang-format off
static const char version_1[] =
    "CREATE TABLE revision ("           // code that ran
    "  id INTEGER PRIMARY KEY,"
    "  hash TEXT NOT NULL UNIQUE,"      // of everything below
    "  git_commit TEXT NOT NULL,"       // '' outside a repository
    "  dirty INTEGER NOT NULL,"
    "  diff TEXT NOT NULL,"             // a BLOB: compressed, see store__squeeze
    "  runner_sha256 TEXT NOT NULL,"
    "  build TEXT NOT NULL);"

    "CREATE TABLE machine ("
    "  id INTEGER PRIMARY KEY,"
    "  hash TEXT NOT NULL UNIQUE,"
    "  facts TEXT NOT NULL);"           // JSON object

    "CREATE TABLE run ("                // what was asked
    "  id TEXT PRIMARY KEY,"            // SHA-256 of spec
    "  spec TEXT NOT NULL,"
    "  family TEXT NOT NULL,"           // SHA-256 of spec without its seed
    "  job TEXT, protocol TEXT, backbone TEXT, dataset TEXT, part TEXT, method TEXT,"
    "  shots INTEGER, seed INTEGER, views TEXT, precision TEXT,"
    "  params TEXT);"                   // JSON object: rank, epochs, lr, ...
    "CREATE INDEX run_family ON run(family);"
    "CREATE INDEX run_axes ON run(dataset, method, protocol, shots, job);"

    "CREATE TABLE attempt ("            // what was tried
    "  run TEXT NOT NULL REFERENCES run(id),"
    "  n INTEGER NOT NULL,"
    "  state TEXT NOT NULL"
    "    CHECK (state IN ('running', 'done', 'failed', 'cancelled', 'lost')),"
    "  class TEXT, reason TEXT,"
    "  started TEXT NOT NULL, finished TEXT,"
    "  revision INTEGER NOT NULL REFERENCES revision(id),"
    "  machine INTEGER NOT NULL REFERENCES machine(id),"
    "  command TEXT NOT NULL, log TEXT,"
    "  runner TEXT,"                    // JSON: the runner's own words about itself
    "  seal TEXT,"                      // SHA-256 over the metrics
    "  PRIMARY KEY (run, n),"
    "  CHECK ((state = 'done') = (seal IS NOT NULL)));"
    "CREATE INDEX attempt_state ON attempt(state);"

    "CREATE TABLE metric ("
    "  run TEXT NOT NULL, n INTEGER NOT NULL,"
    "  split TEXT NOT NULL, name TEXT NOT NULL, value REAL NOT NULL,"
    "  PRIMARY KEY (run, n, split, name),"
    "  FOREIGN KEY (run, n) REFERENCES attempt(run, n));"

    "CREATE TABLE curve ("
    "  run TEXT NOT NULL, n INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    "  loss REAL, lr REAL, accuracy REAL, effective_rank REAL,"
    "  singular TEXT, singular_change TEXT," // JSON arrays: context, and its change
    "  PRIMARY KEY (run, n, epoch),"
    "  FOREIGN KEY (run, n) REFERENCES attempt(run, n));"

    "CREATE TABLE prediction ("
    "  run TEXT NOT NULL, n INTEGER NOT NULL,"
    "  split TEXT NOT NULL, count INTEGER NOT NULL,"
    "  labels BLOB NOT NULL,"           // zlib of int32, little-endian, in the order of the split
    "  PRIMARY KEY (run, n, split),"
    "  FOREIGN KEY (run, n) REFERENCES attempt(run, n));"

    "CREATE TABLE artifact ("
    "  run TEXT NOT NULL, n INTEGER NOT NULL,"
    "  kind TEXT NOT NULL, path TEXT NOT NULL, sha256 TEXT NOT NULL,"
    "  PRIMARY KEY (run, n, kind),"
    "  FOREIGN KEY (run, n) REFERENCES attempt(run, n));"

    /* The attempt that speaks for a run: its last done one, or else its last one. */
    "CREATE VIEW runs AS"
    "  SELECT r.id AS run, a.state, a.class, a.reason, r.job, r.protocol, r.backbone, r.dataset,"
    "    r.part, r.method, r.shots, r.seed, r.views, r.precision, r.params,"
    "    json_extract(r.params, '$.rank') AS rank, json_extract(r.params, '$.epochs') AS epochs,"
    "    a.n AS attempt, (SELECT count(*) FROM attempt c WHERE c.run = r.id) AS attempts,"
    "    a.started, a.finished,"
    "    round((julianday(a.finished) - julianday(a.started)) * 86400, 3) AS seconds,"
    "    v.git_commit, v.dirty, a.log"
    "  FROM run r"
    "  JOIN attempt a ON a.run = r.id AND a.n = (SELECT b.n FROM attempt b WHERE b.run = r.id"
    "    ORDER BY b.state = 'done' DESC, b.n DESC LIMIT 1)"
    "  JOIN revision v ON v.id = a.revision;"

    "CREATE VIEW results AS"
    "  SELECT u.run, u.protocol, u.backbone, u.dataset, u.method, u.rank, u.shots, u.seed,"
    "    u.views, u.precision, u.epochs, m.split, m.name, m.value, u.seconds, u.git_commit, u.dirty"
    "  FROM runs u JOIN metric m ON m.run = u.run AND m.n = u.attempt"
    "  WHERE u.state = 'done';";

/* The context's shape and, where a run was probed, the accuracy of its parts. */
static const char version_2[] =
    "ALTER TABLE curve ADD COLUMN nuclear REAL;"
    "ALTER TABLE curve ADD COLUMN energy TEXT;" // JSON array: share of the k largest
    "ALTER TABLE curve ADD COLUMN effective_rank_change REAL;"
    "ALTER TABLE curve ADD COLUMN nuclear_change REAL;"
    "ALTER TABLE curve ADD COLUMN energy_change TEXT;"
    "ALTER TABLE curve ADD COLUMN base REAL;"
    "ALTER TABLE curve ADD COLUMN new REAL;"
    "ALTER TABLE curve ADD COLUMN test REAL;";

/* Evaluations: the id of the training run whose result is tested, NULL in other runs, and the
 * dataset that it was trained on. */
static const char version_3[] =
    "ALTER TABLE run ADD COLUMN trained TEXT;"
    "ALTER TABLE run ADD COLUMN source TEXT;"
    "CREATE INDEX run_trained ON run(trained);"
    "DROP VIEW results;"
    "DROP VIEW runs;"

    "CREATE VIEW runs AS"
    "  SELECT r.id AS run, a.state, a.class, a.reason, r.job, r.protocol, r.backbone, r.dataset,"
    "    r.part, r.method, r.shots, r.seed, r.views, r.precision, r.params,"
    "    json_extract(r.params, '$.rank') AS rank, json_extract(r.params, '$.epochs') AS epochs,"
    "    a.n AS attempt, (SELECT count(*) FROM attempt c WHERE c.run = r.id) AS attempts,"
    "    a.started, a.finished,"
    "    round((julianday(a.finished) - julianday(a.started)) * 86400, 3) AS seconds,"
    "    v.git_commit, v.dirty, a.log, r.trained, r.source"
    "  FROM run r"
    "  JOIN attempt a ON a.run = r.id AND a.n = (SELECT b.n FROM attempt b WHERE b.run = r.id"
    "    ORDER BY b.state = 'done' DESC, b.n DESC LIMIT 1)"
    "  JOIN revision v ON v.id = a.revision;"

    "CREATE VIEW results AS"
    "  SELECT u.run, u.protocol, u.backbone, u.dataset, u.method, u.rank, u.shots, u.seed,"
    "    u.views, u.precision, u.epochs, m.split, m.name, m.value, u.seconds, u.git_commit,"
    "    u.dirty, u.trained, u.source"
    "  FROM runs u JOIN metric m ON m.run = u.run AND m.n = u.attempt"
    "  WHERE u.state = 'done';";

/* Who the runner is, so that one that outlived its scheduler is found after a restart; and what it
 * took, by a clock that never jumps. */
static const char version_4[] =
    "ALTER TABLE attempt ADD COLUMN boot TEXT;"      // start of the machine, as the kernel names it
    "ALTER TABLE attempt ADD COLUMN pid INTEGER;"
    "ALTER TABLE attempt ADD COLUMN born INTEGER;"   // clock ticks from there to its start
    "ALTER TABLE attempt ADD COLUMN seconds REAL;"
    "ALTER TABLE attempt ADD COLUMN memory INTEGER;" // largest resident size, bytes
    "ALTER TABLE attempt ADD COLUMN bytes INTEGER;"  // of the files that it left
    "DROP VIEW results;"
    "DROP VIEW runs;"

    "CREATE VIEW runs AS"
    "  SELECT r.id AS run, a.state, a.class, a.reason, r.job, r.protocol, r.backbone, r.dataset,"
    "    r.part, r.method, r.shots, r.seed, r.views, r.precision, r.params,"
    "    json_extract(r.params, '$.rank') AS rank, json_extract(r.params, '$.epochs') AS epochs,"
    "    a.n AS attempt, (SELECT count(*) FROM attempt c WHERE c.run = r.id) AS attempts,"
    "    a.started, a.finished,"
    "    round(coalesce(a.seconds, max(0, julianday(a.finished) - julianday(a.started)) * 86400),"
    "      3) AS seconds,"
    "    v.git_commit, v.dirty, a.log, r.trained, r.source, a.memory, a.bytes"
    "  FROM run r"
    "  JOIN attempt a ON a.run = r.id AND a.n = (SELECT b.n FROM attempt b WHERE b.run = r.id"
    "    ORDER BY b.state = 'done' DESC, b.n DESC LIMIT 1)"
    "  JOIN revision v ON v.id = a.revision;"

    "CREATE VIEW results AS"
    "  SELECT u.run, u.protocol, u.backbone, u.dataset, u.method, u.rank, u.shots, u.seed,"
    "    u.views, u.precision, u.epochs, m.split, m.name, m.value, u.seconds, u.git_commit,"
    "    u.dirty, u.trained, u.source"
    "  FROM runs u JOIN metric m ON m.run = u.run AND m.n = u.attempt"
    "  WHERE u.state = 'done';";

/* Until now only metrics were sealed. */
static const char version_5[] =
    "ALTER TABLE attempt ADD COLUMN details TEXT;"; // SHA-256 over curve, predictions, artifacts
// clang-format on

const char *const store__migrations[STORE_VERSION] = {version_1, version_2, version_3, version_4,
                                                      version_5};
