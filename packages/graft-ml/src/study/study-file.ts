import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Parameters } from '@graft-ml/core/internal/study/study';
import type { Database } from 'libsql';
import { openForWriting, type SqlValue } from './database.ts';
import { directionOf, type StudyDefinition } from './definition.ts';
import { distributionJson, finiteColumns, localTime, type OptunaState, states, storedNumber } from './optuna.ts';
import { format, newTables } from './schema.ts';
import { type RunNumbers, type RunReport, type StudyStatus, type StudyTest, signStudy } from './study.ts';

/** A run that a trial begins with: its folder in the study's, and its seed. */
export interface NewRun {
  readonly name: string;
  readonly seed: number;
}

/** How a trial ended. */
export interface TrialEnd {
  readonly state: 'complete' | 'pruned' | 'failed';
  readonly value: number | null;
  /** Why it failed. */
  readonly message?: string | undefined;
  /** The time that its runs took, one after the other. */
  readonly seconds: number;
}

/**
 * The file of a study that this process runs. Each method is one transaction, which is on the disk when it returns. The
 * study's folder is locked by whoever has this.
 */
export class StudyFile implements Disposable {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Makes the file of a new study. */
  static async create(folder: string, definition: StudyDefinition): Promise<StudyFile> {
    const file = new StudyFile(await openForWriting(folder));
    const signature = await signStudy(definition);
    file.#write(() => {
      for (const statement of newTables) file.#database.exec(statement);
      file.#run('INSERT INTO studies VALUES (1, ?)', definition.name);
      const direction = directionOf(definition) === 'maximize' ? 'MAXIMIZE' : 'MINIMIZE';
      file.#run('INSERT INTO study_directions VALUES (1, ?, 1, 0)', direction);
      const metric = JSON.stringify([`validation ${definition.metric}`]);
      file.#attribute('study', 'system', 1, 'study:metric_names', metric);
      for (const key of ['data', 'of', 'seeds'] as const) {
        file.#attribute('study', 'user', 1, key, JSON.stringify(definition[key]));
      }
      const text = JSON.stringify(definition);
      file.#run('INSERT INTO graft_study VALUES (1, ?, ?, ?, ?, 0, NULL)', format, text, signature, 'running');
    });
    return file;
  }

  /** Opens the file of a study that is resumed. */
  static async open(folder: string): Promise<StudyFile> {
    return new StudyFile(await openForWriting(folder));
  }

  /** Replaces the definition, as where the budget is raised. */
  async redefine(definition: StudyDefinition): Promise<void> {
    const signature = await signStudy(definition);
    this.#write(() =>
      this.#run('UPDATE graft_study SET definition = ?, signature = ?', JSON.stringify(definition), signature),
    );
  }

  /** Adds a trial that begins. */
  addTrial(number: number, parameters: Parameters, runs: readonly NewRun[], { space }: StudyDefinition): void {
    this.#write(() => {
      this.#run(
        'INSERT INTO trials (number, study_id, state, datetime_start) VALUES (?, 1, ?, ?)',
        number,
        'RUNNING',
        localTime(new Date()),
      );
      const id = this.#trialId(number);
      for (const [option, value] of Object.entries(parameters)) {
        const distribution = space[option]!;
        this.#run(
          'INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)',
          id,
          option,
          storedNumber(distribution, value),
          distributionJson(option, distribution),
        );
      }
      this.#run('INSERT INTO graft_trials VALUES (?, 0, NULL)', id);
      for (const { name, seed } of runs)
        this.#run('INSERT INTO graft_runs (folder, trial_id, seed) VALUES (?, ?, ?)', name, id, seed);
      this.#attribute('trial', 'user', id, 'run', JSON.stringify(runs.map(({ name }) => name).join(', ')));
    });
  }

  /**
   * Notes what a run has reported after an epoch, and the mean of the trial where all of its runs have got there. One
   * that was noted before stays as it is.
   */
  addReport(number: number, run: string, step: number, numbers: RunReport, mean: number | null): void {
    this.#write(() => {
      const { accuracy, loss, seconds } = numbers;
      this.#run(
        'INSERT OR IGNORE INTO graft_reports VALUES (?, ?, ?, ?, ?)',
        run,
        step,
        finite(accuracy),
        finite(loss),
        seconds,
      );
      if (mean === null) return;
      this.#run(
        'INSERT OR IGNORE INTO trial_intermediate_values ' +
          '(trial_id, step, intermediate_value, intermediate_value_type) VALUES (?, ?, ?, ?)',
        this.#trialId(number),
        step,
        ...finiteColumns(mean),
      );
    });
  }

  /** Notes the best epoch of a run that has ended. */
  endRun(run: string, { trained, best }: { trained: number; best: RunNumbers & { epoch: number } }): void {
    this.#write(() =>
      this.#run(
        'UPDATE graft_runs SET trained = ?, accuracy = ?, loss = ?, epoch = ? WHERE folder = ?',
        trained,
        finite(best.accuracy),
        finite(best.loss),
        best.epoch,
        run,
      ),
    );
  }

  /** Notes how a trial ended, and for how long the study has run until then, in seconds. */
  endTrial(number: number, { state, value, message, seconds }: TrialEnd, studySeconds: number): void {
    this.#write(() => {
      this.#run('UPDATE graft_study SET seconds = ?', studySeconds);
      const id = this.#trialId(number);
      const name = optunaStates.find((each) => states[each] === state)!;
      this.#run(
        'UPDATE trials SET state = ?, datetime_complete = ? WHERE trial_id = ?',
        name,
        localTime(new Date()),
        id,
      );
      this.#run('UPDATE graft_trials SET seconds = ?, message = ? WHERE trial_id = ?', seconds, message ?? null, id);
      this.#attribute('trial', 'user', id, 'seconds', JSON.stringify(Number(seconds.toFixed(3))));
      if (message !== undefined) this.#attribute('trial', 'user', id, 'message', JSON.stringify(message));
      if (value === null) return;
      this.#run(
        'INSERT OR REPLACE INTO trial_values (trial_id, objective, value, value_type) VALUES (?, 0, ?, ?)',
        id,
        ...finiteColumns(value),
      );
    });
  }

  /** Notes how the study stands, and for how long it has run, in seconds. */
  setStatus(status: StudyStatus, seconds: number): void {
    this.#write(() => this.#run('UPDATE graft_study SET status = ?, seconds = ?', status, seconds));
  }

  /** Notes what the best trial came to on images or classes that nothing was chosen by. */
  setTest(test: StudyTest): void {
    this.#write(() => this.#run('UPDATE graft_study SET test = ?', JSON.stringify(test)));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #trialId(number: number): number {
    const [row] = this.#database
      .prepare('SELECT trial_id AS id FROM trials WHERE study_id = 1 AND number = ?')
      .all(number);
    if (row && typeof row === 'object' && 'id' in row && typeof row.id === 'number') return row.id;
    throw new UserError(`Trial ${number} is no longer in the study: somebody else has changed its file.`);
  }

  #attribute(of: 'study' | 'trial', whose: 'user' | 'system', id: number, key: string, json: string): void {
    const table = `${of}_${whose}_attributes`;
    this.#run(`INSERT OR REPLACE INTO ${table} (${of}_id, "key", value_json) VALUES (?, ?, ?)`, id, key, json);
  }

  #run(sql: string, ...values: SqlValue[]): void {
    this.#database.prepare(sql).run(...values);
  }

  #write(work: () => void): void {
    this.#database.transaction(work).immediate();
  }
}

const optunaStates = Object.keys(states) as OptunaState[];

/** SQLite makes NULL of NaN by itself, and keeps infinities. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
