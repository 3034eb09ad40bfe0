/* For MAP_ANONYMOUS, which POSIX leaves out. */
#define _DEFAULT_SOURCE

#include "sim/jobs.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// Seconds on the CPU without a finished case after which a process counts as hung. (Not on the clock on the wall: the
/// machine may be busy, or the process stopped for a while.)
#define PATIENCE 120.0

/// What a process shares with the parent; its sum lies elsewhere.
struct share {
    _Atomic uint64_t current;
    _Atomic uint64_t done;
    _Atomic uint64_t cuts;
    _Atomic uint64_t failures;
};

struct work {
    const struct jobs *jobs;
    struct share *share; ///< one a process
    uint8_t *sums;
};

double jobs_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/// What a process has used of the CPU so far.
static double cpu_seconds(pid_t pid) {
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
        return 0;
    }
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *share_memory(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        abort();
    }
    return memory;
}

static void *sum_of(const struct work *work, uint32_t job) {
    return work->sums + job * work->jobs->sum_size;
}

static uint64_t failures_of(const struct work *work) {
    uint64_t failures = 0;
    for (uint32_t job = 0; job < work->jobs->jobs; job++) {
        failures += work->share[job].failures;
    }
    return failures;
}

static void run_job(const struct work *work, uint32_t job) {
    const struct jobs *jobs = work->jobs;
    struct share *share = &work->share[job];
    for (uint64_t number = job; number < jobs->cases; number += jobs->jobs) {
        uint32_t cuts = 0;
        share->current = number;
        bool well = jobs->run(jobs->context, number, sum_of(work, job), &cuts);
        share->cuts += cuts;
        share->failures += !well;
        share->done++;
        if (jobs->failures_max > 0 && failures_of(work) >= jobs->failures_max) {
            return;
        }
    }
}

static void show_progress(const struct work *work) {
    const struct jobs *jobs = work->jobs;
    uint64_t done = 0;
    uint64_t cuts = 0;
    for (uint32_t job = 0; job < jobs->jobs; job++) {
        done += work->share[job].done;
        cuts += work->share[job].cuts;
    }
    if (jobs->progress) {
        jobs->progress(jobs->progress_context, done, jobs->cases, cuts, failures_of(work));
    }
}

/// Waits for one process a little; kills it when it has made no progress for long. Returns whether it has ended.
static bool tend(const struct work *work, uint32_t job, pid_t pid, uint64_t *seen, double *since) {
    struct share *share = &work->share[job];
    int status;
    pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == 0) {
        if (share->done != *seen) {
            *seen = share->done;
            *since = cpu_seconds(pid);
        } else if (cpu_seconds(pid) - *since > PATIENCE) {
            kill(pid, SIGKILL);
        }
        return false;
    }
    if (ended < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        share->failures++;
        work->jobs->crashed(work->jobs->context, share->current, sum_of(work, job));
    }
    return true;
}

/// A process that works on its share. It does not outlive its parent, however that ends. Returns its id; -1 when the
/// system gives none.
static pid_t start(const struct work *work, uint32_t job) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            run_job(work, job);
        }
        _exit(0);
    }
    return pid;
}

static void run_processes(const struct work *work) {
    uint32_t jobs = work->jobs->jobs;
    pid_t pid[JOBS_MAX];
    uint64_t seen[JOBS_MAX] = {0};
    double since[JOBS_MAX];
    bool ended[JOBS_MAX] = {false};
    fflush(NULL);
    for (uint32_t job = 0; job < jobs; job++) {
        since[job] = 0;
        pid[job] = start(work, job);
    }
    uint32_t left = jobs;
    for (uint32_t job = 0; job < jobs; job++) {
        if (pid[job] < 0) {
            run_job(work, job);
            ended[job] = true;
            left--;
        }
    }
    while (left > 0) {
        struct timespec pause = {0, 20000000};
        nanosleep(&pause, NULL);
        for (uint32_t job = 0; job < jobs; job++) {
            if (!ended[job] && tend(work, job, pid[job], &seen[job], &since[job])) {
                ended[job] = true;
                left--;
            }
        }
        show_progress(work);
    }
}

void jobs_run(const struct jobs *jobs) {
    struct work work = {jobs, share_memory(jobs->jobs * sizeof(struct share)),
                        share_memory(jobs->jobs * jobs->sum_size)};
    run_processes(&work);
    for (uint32_t job = 0; job < jobs->jobs; job++) {
        jobs->add(jobs->context, sum_of(&work, job));
    }
    munmap(work.share, jobs->jobs * sizeof(struct share));
    munmap(work.sums, jobs->jobs * jobs->sum_size);
}
