/*
 * Jobs: many cases, shared out among processes, so that a crash or an endless loop costs one case.
 */
#ifndef SIM_JOBS_H
#define SIM_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBS_MAX 16u

/// Called some times a second, by the parent.
typedef void jobs_progress(void *context, uint64_t cases_done, uint64_t cases, uint64_t cuts, uint64_t failures);

struct jobs {
    uint64_t cases;
    uint32_t jobs;         ///< processes, 1 to JOBS_MAX
    uint32_t failures_max; ///< stops after so many failures; 0: never
    void *context;
    size_t sum_size; ///< bytes of what one process adds up, all zero at first
    /// Runs a case and adds it to the process' sum. Returns whether it went well; `cuts` receives its power cuts.
    bool (*run)(void *context, uint64_t number, void *sum, uint32_t *cuts);
    /// The process died of that case, or never came back: the parent adds that.
    void (*crashed)(void *context, uint64_t number, void *sum);
    /// Each process' sum, by the parent, when all have ended.
    void (*add)(void *context, const void *sum);
    jobs_progress *progress; ///< may be NULL
    void *progress_context;
};

void jobs_run(const struct jobs *jobs);

/// Seconds of a clock that only goes on.
double jobs_seconds(void);

#endif
