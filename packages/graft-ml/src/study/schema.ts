/**
 * The tables of a study: Optuna's, as its version 5.0 makes them in SQLite (unchanged since 3.2), so that its dashboard
 * and its library open the file, and ours beside them.
 */

/** Optuna's tables and indexes, in the words of its SQLAlchemy models. */
const optunaTables = [
  `CREATE TABLE studies (
	study_id INTEGER NOT NULL,
	study_name VARCHAR(512) NOT NULL,
	PRIMARY KEY (study_id)
)`,
  'CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name)',
  `CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL,
	schema_version INTEGER,
	library_version VARCHAR(256),
	PRIMARY KEY (version_info_id),
	CHECK (version_info_id=1)
)`,
  `CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL,
	direction VARCHAR(8) NOT NULL,
	study_id INTEGER NOT NULL,
	objective INTEGER NOT NULL,
	PRIMARY KEY (study_direction_id),
	UNIQUE (study_id, objective),
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
)`,
  attributes('study', 'user'),
  attributes('study', 'system'),
  `CREATE TABLE trials (
	trial_id INTEGER NOT NULL,
	number INTEGER,
	study_id INTEGER,
	state VARCHAR(8) NOT NULL,
	datetime_start DATETIME,
	datetime_complete DATETIME,
	PRIMARY KEY (trial_id),
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
)`,
  'CREATE INDEX ix_trials_study_id ON trials (study_id)',
  attributes('trial', 'user'),
  attributes('trial', 'system'),
  `CREATE TABLE trial_params (
	param_id INTEGER NOT NULL,
	trial_id INTEGER,
	param_name VARCHAR(512),
	param_value FLOAT,
	distribution_json TEXT,
	PRIMARY KEY (param_id),
	UNIQUE (trial_id, param_name),
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
)`,
  `CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL,
	trial_id INTEGER NOT NULL,
	objective INTEGER NOT NULL,
	value FLOAT,
	value_type VARCHAR(7) NOT NULL,
	PRIMARY KEY (trial_value_id),
	UNIQUE (trial_id, objective),
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
)`,
  `CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL,
	trial_id INTEGER NOT NULL,
	step INTEGER NOT NULL,
	intermediate_value FLOAT,
	intermediate_value_type VARCHAR(7) NOT NULL,
	PRIMARY KEY (trial_intermediate_value_id),
	UNIQUE (trial_id, step),
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
)`,
  `CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL,
	trial_id INTEGER NOT NULL,
	heartbeat DATETIME NOT NULL,
	PRIMARY KEY (trial_heartbeat_id),
	UNIQUE (trial_id),
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
)`,
  `CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)`,
];

function attributes(of: 'study' | 'trial', whose: 'user' | 'system'): string {
  const table = of === 'study' ? 'studies' : 'trials';
  return `CREATE TABLE ${of}_${whose}_attributes (
	${of}_${whose}_attribute_id INTEGER NOT NULL,
	${of}_id INTEGER,
	"key" VARCHAR(512),
	value_json TEXT,
	PRIMARY KEY (${of}_${whose}_attribute_id),
	UNIQUE (${of}_id, "key"),
	FOREIGN KEY(${of}_id) REFERENCES ${table} (${of}_id)
)`;
}

/** The versions that Optuna looks for before it opens a file. */
const optunaVersions = [
  "INSERT INTO version_info VALUES (1, 12, '5.0.0')",
  "INSERT INTO alembic_version VALUES ('v3.2.0.a')",
];

/**
 * Our tables: the definition, and the runs of each trial with what they reported, seed by seed, where Optuna's have
 * their means.
 */
const ownTables = [
  `CREATE TABLE graft_study (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	format INTEGER NOT NULL,
	definition TEXT NOT NULL,
	signature TEXT,
	status TEXT NOT NULL,
	seconds FLOAT NOT NULL,
	test TEXT
)`,
  `CREATE TABLE graft_trials (
	trial_id INTEGER PRIMARY KEY REFERENCES trials (trial_id),
	seconds FLOAT NOT NULL,
	message TEXT
)`,
  `CREATE TABLE graft_runs (
	folder TEXT PRIMARY KEY,
	trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
	seed INTEGER NOT NULL,
	trained INTEGER,
	accuracy FLOAT,
	loss FLOAT,
	epoch INTEGER,
	UNIQUE (trial_id, seed)
)`,
  `CREATE TABLE graft_reports (
	folder TEXT NOT NULL REFERENCES graft_runs (folder),
	step INTEGER NOT NULL,
	accuracy FLOAT,
	loss FLOAT,
	seconds FLOAT NOT NULL,
	PRIMARY KEY (folder, step)
)`,
];

/** Makes the tables of an empty database. */
export const newTables: readonly string[] = [...optunaTables, ...optunaVersions, ...ownTables];

/** The version of our tables. */
export const format = 1;
