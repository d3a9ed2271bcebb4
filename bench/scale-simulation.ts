import { type RandomStream, randomStream } from '@graft-ml/core';

/*
 * A cluster in simulated time: workers that take jobs from a queue, a store whose bandwidth they share, a submitter
 * that takes results in their order, and machines that die. Nothing of it is measured; what it is given is
 * (scale-costs.ts), and equal arguments give equal results.
 */

/** What one machine and the services around it do in what time. Seconds and bytes. */
export interface Cluster {
  /** Machines. */
  readonly workers: number;
  /** Jobs that a machine does at once. */
  readonly slots: number;
  /** Bytes a second between one machine and the store. */
  readonly network: number;
  /** Bytes a second of the store, shared by all that read and write. */
  readonly bandwidth: number;
  /** Requests a second that the store answers. */
  readonly requests: number;
  /** Seconds of the queue's server for one operation: a job that is added, taken, renewed, reported of, or ended. */
  readonly operation: number;
  /** Seconds between two renewals of a job's lock, and after which a job whose worker is silent is taken by another. */
  readonly renewal: number;
  readonly stalled: number;
  /** Hours between two deaths of a machine, on average; Infinity: none. */
  readonly hoursBetweenDeaths: number;
  /** Seconds until another machine has taken a dead one's place. */
  readonly replacement: number;
  readonly seed: number;
}

/** A job in unit costs. */
export interface SimulatedJob {
  /** Bytes that are read first, of which a machine keeps `kept` for its next jobs. */
  readonly reads: number;
  readonly kept: number;
  /** Seconds of computing in one slot. */
  readonly seconds: number;
  /** Bytes that are written at the end. */
  readonly writes: number;
  /** Seconds of computing between two saved states, and their bytes; null: a job begins again. */
  readonly saves: { readonly every: number; readonly bytes: number } | null;
  /** Requests of the store for reading and for writing. */
  readonly requests: number;
  /** Operations of the queue beside renewals: added, taken, ended, reports. */
  readonly operations: number;
  /** Reports a second. */
  readonly reports: number;
}

/** The process that submits the jobs. */
export interface Submitter {
  /** Jobs for each slot that it has submitted ahead of the first whose result it has not taken; Infinity: all. */
  readonly ahead: number;
  /** Bytes of a result that it reads, and its own seconds for it. */
  readonly reads: number;
  readonly seconds: number;
}

export interface Simulated {
  readonly hours: number;
  /** The share of the time that is spent: slots computing, the store's bandwidth, its requests, the queue, the submitter. */
  readonly busy: Readonly<Record<'slots' | 'bandwidth' | 'requests' | 'queue' | 'submitter', number>>;
  /** Machines that died, and hours of slots that were computed twice. */
  readonly deaths: number;
  readonly lostHours: number;
  readonly bytes: number;
}

/** Events by time; equal times in the order in which they were added. */
class Agenda {
  readonly #heap: { at: number; order: number; act: () => void }[] = [];
  #order = 0;
  now = 0;

  after(seconds: number, act: () => void): void {
    const heap = this.#heap;
    heap.push({ at: this.now + seconds, order: this.#order++, act });
    for (let i = heap.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (this.#isBefore(parent, i)) break;
      [heap[i], heap[parent]] = [heap[parent]!, heap[i]!];
      i = parent;
    }
  }

  /** Goes on to the next event. False where there is none. */
  step(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    if (!first) return false;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      for (let i = 0; ; ) {
        const left = 2 * i + 1;
        if (left >= heap.length) break;
        const child = left + 1 < heap.length && this.#isBefore(left + 1, left) ? left + 1 : left;
        if (this.#isBefore(i, child)) break;
        [heap[i], heap[child]] = [heap[child]!, heap[i]!];
        i = child;
      }
    }
    this.now = first.at;
    first.act();
    return true;
  }

  #isBefore(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a]!, this.#heap[b]!];
    return left.at < right.at || (left.at === right.at && left.order < right.order);
  }
}

/** A server that does one thing after the other. */
class Server {
  readonly agenda: Agenda;
  #freeAt = 0;
  busy = 0;

  constructor(agenda: Agenda) {
    this.agenda = agenda;
  }

  /** Adds work that takes so long, and acts when it is done. */
  serve(seconds: number, act: () => void = () => {}): void {
    this.busy += seconds;
    this.#freeAt = Math.max(this.agenda.now, this.#freeAt) + seconds;
    this.agenda.after(this.#freeAt - this.agenda.now, act);
  }
}

/** A line that its transfers share equally, each of them no faster than `most`. */
class SharedLine {
  /** Transfers by the bytes that each had got when it ends, where all had begun together. */
  readonly #ends: { at: number; act: () => void }[] = [];
  #got = 0;
  #since = 0;
  #generation = 0;
  readonly agenda: Agenda;
  readonly bandwidth: number;
  readonly most: number;
  bytes = 0;

  constructor(agenda: Agenda, bandwidth: number, most: number) {
    this.agenda = agenda;
    this.bandwidth = bandwidth;
    this.most = most;
  }

  transfer(bytes: number, act: () => void): void {
    if (bytes <= 0) {
      this.agenda.after(0, act);
      return;
    }
    this.bytes += bytes;
    this.#advance();
    const at = this.#got + bytes;
    const place = this.#ends.findIndex((other) => other.at > at);
    this.#ends.splice(place === -1 ? this.#ends.length : place, 0, { at, act });
    this.#plan();
  }

  #rate(): number {
    return Math.min(this.most, this.bandwidth / Math.max(1, this.#ends.length));
  }

  #advance(): void {
    this.#got += this.#rate() * (this.agenda.now - this.#since);
    this.#since = this.agenda.now;
  }

  #plan(): void {
    const first = this.#ends[0];
    if (!first) return;
    const generation = ++this.#generation;
    this.agenda.after(Math.max(0, first.at - this.#got) / this.#rate(), () => {
      if (generation !== this.#generation) return;
      this.#advance();
      this.#ends.shift();
      this.#plan();
      first.act();
    });
  }
}

interface Machine {
  isAlive: boolean;
  /** Another life of the machine has another number. */
  life: number;
  hasKept: boolean;
  /** What becomes of its jobs when it dies. */
  readonly abandon: Set<() => void>;
}

/** Simulates jobs until the submitter has the results of all. */
export function simulate(jobs: readonly SimulatedJob[], cluster: Cluster, submitter: Submitter): Simulated {
  const agenda = new Agenda();
  const queue = new Server(agenda);
  const requests = new Server(agenda);
  const line = new SharedLine(agenda, cluster.bandwidth, cluster.network / cluster.slots);
  const submitting = new Server(agenda);
  const machines = Array.from(
    { length: cluster.workers },
    (): Machine => ({ isAlive: true, life: 0, hasKept: false, abandon: new Set() }),
  );
  const waiting: number[] = [];
  const idle: { machine: Machine; life: number }[] = [];
  const saved = jobs.map(() => 0);
  const isDone = jobs.map(() => false);
  const slots = cluster.workers * cluster.slots;
  let [submitted, taken, taking, deaths, computed, lost] = [0, 0, false, 0, 0, 0];

  const submit = () => {
    const limit = Math.min(jobs.length, taken + submitter.ahead * slots);
    for (; submitted < limit; submitted++) {
      const job = submitted;
      queue.serve(cluster.operation, () => {
        waiting.push(job);
        dispatch();
      });
    }
  };

  const dispatch = () => {
    while (waiting.length > 0 && idle.length > 0) {
      const { machine, life } = idle.shift()!;
      if (machine.isAlive && machine.life === life) start(waiting.shift()!, machine);
    }
  };

  const free = (machine: Machine) => {
    idle.push({ machine, life: machine.life });
    dispatch();
  };

  /** Does a job in a slot of a machine; what is not done when it dies goes back into the queue. */
  const start = (index: number, machine: Machine) => {
    const job = jobs[index]!;
    let computingSince: number | null = null;
    let hasEnded = false;
    const abandon = () => {
      hasEnded = true;
      if (computingSince !== null) lost += agenda.now - computingSince;
      agenda.after(cluster.stalled, () => {
        waiting.unshift(index);
        dispatch();
      });
    };
    machine.abandon.add(abandon);
    const whereAlive = (act: () => void) => () => {
      if (!hasEnded) act();
    };
    const renew = () => {
      if (hasEnded) return;
      queue.serve(cluster.operation * (1 + job.reports * cluster.renewal));
      agenda.after(cluster.renewal, renew);
    };
    const end = whereAlive(() => {
      hasEnded = true;
      machine.abandon.delete(abandon);
      isDone[index] = true;
      queue.serve(cluster.operation * Math.max(1, job.operations - 2), take);
      free(machine);
    });
    const write = whereAlive(() => requests.serve(1 / cluster.requests, () => line.transfer(job.writes, end)));
    const compute = whereAlive(() => {
      const left = job.seconds - saved[index]!;
      const stretch = job.saves ? Math.min(left, job.saves.every) : left;
      computingSince = agenda.now;
      agenda.after(
        stretch,
        whereAlive(() => {
          computingSince = null;
          computed += stretch;
          saved[index] = saved[index]! + (job.saves ? stretch : 0);
          if (!job.saves || saved[index]! >= job.seconds) write();
          else requests.serve(1 / cluster.requests, () => line.transfer(job.saves!.bytes, compute));
        }),
      );
    });
    const reads = machine.hasKept ? job.reads - job.kept : job.reads;
    queue.serve(cluster.operation, () => {
      renew();
      requests.serve(job.requests / cluster.requests, () =>
        line.transfer(
          reads,
          whereAlive(() => {
            machine.hasKept ||= job.kept > 0;
            compute();
          }),
        ),
      );
    });
  };

  /** The submitter takes the results that are there, in their order. */
  const take = () => {
    if (taking || taken === jobs.length || !isDone[taken]) return;
    taking = true;
    submitting.serve(submitter.seconds + submitter.reads / cluster.network, () => {
      taking = false;
      taken++;
      submit();
      take();
    });
  };

  const die = (machine: Machine, random: RandomStream) => {
    const seconds = -Math.log(1 - random.uniform()) * cluster.hoursBetweenDeaths * 3600;
    if (!Number.isFinite(seconds)) return;
    agenda.after(seconds, () => {
      if (taken === jobs.length) return;
      deaths++;
      machine.isAlive = false;
      for (const abandon of machine.abandon) abandon();
      machine.abandon.clear();
      agenda.after(cluster.replacement, () => {
        Object.assign(machine, { isAlive: true, life: machine.life + 1, hasKept: false });
        for (let slot = 0; slot < cluster.slots; slot++) free(machine);
        die(machine, random);
      });
    });
  };

  for (const [number, machine] of machines.entries()) {
    for (let slot = 0; slot < cluster.slots; slot++) idle.push({ machine, life: 0 });
    die(machine, randomStream(cluster.seed, 'death', number));
  }
  submit();
  while (taken < jobs.length && agenda.step());
  const seconds = agenda.now;
  return {
    hours: seconds / 3600,
    busy: {
      slots: computed / (seconds * slots),
      bandwidth: line.bytes / cluster.bandwidth / seconds,
      requests: requests.busy / seconds,
      queue: queue.busy / seconds,
      submitter: submitting.busy / seconds,
    },
    deaths,
    lostHours: lost / 3600,
    bytes: line.bytes + taken * submitter.reads,
  };
}
