#include "sim/esp8266/cpu.h"

#include <string.h>

#include "sim/esp8266/special.h"

/// Cycles beyond one: a taken branch loses what the pipe of five stages has fetched behind it.
#define BRANCH_CYCLES 2
/// And so does an exception; that none is free of charge also ends loops of exceptions at the slice's end.
#define VECTOR_CYCLES 4

#define VECTOR_DEBUG  0x10u
#define VECTOR_NMI    0x20u
#define VECTOR_KERNEL 0x30u
#define VECTOR_USER   0x50u
#define VECTOR_DOUBLE 0x70u
#define RESET_VECTOR  0x40000080u
#define ROM_VECTORS   0x40000000u
#define NOTHING_BELOW 0x20000000u
#define DEBUG_BREAK   8u
#define DEBUG_BREAK_N 16u

static bool is_marked(const struct cpu *cpu, uint32_t address) {
    for (unsigned i = 0; i < cpu->mark_count; i++) {
        if (cpu->marks[i] == address) {
            return true;
        }
    }
    return false;
}

bool cpu_mark(struct cpu *cpu, uint32_t address, bool on) {
    for (unsigned i = 0; i < cpu->mark_count; i++) {
        if (cpu->marks[i] == address) {
            if (!on) {
                cpu->marks[i] = cpu->marks[--cpu->mark_count];
                cpu->mark_passed = cpu->mark_passed && address != cpu->pc;
            }
            return true;
        }
    }
    if (on && cpu->mark_count == CPU_MARKS) {
        return false;
    }
    if (on) {
        cpu->marks[cpu->mark_count++] = address;
    }
    return true;
}

void cpu_reset(struct cpu *cpu) {
    struct cpu fresh = {
        .bus = cpu->bus,
        .data = cpu->data,
        .data_base = cpu->data_base,
        .data_size = cpu->data_size,
        .instructions = cpu->instructions,
        .cycles = cpu->cycles,
        .ccount_offset = 0u - (uint32_t)cpu->cycles,
        .stop_at = cpu->stop_at,
        .mark_count = cpu->mark_count,
        .pc = RESET_VECTOR,
        .ps = 0x1f,
        .vecbase = ROM_VECTORS,
    };
    memcpy(fresh.marks, cpu->marks, sizeof fresh.marks);
    *cpu = fresh;
}

static void enter_vector(struct cpu *cpu, uint32_t offset) {
    cpu->pc = cpu->vecbase + offset;
    cpu->code = NULL;
    cpu->cycles += VECTOR_CYCLES;
}

static void exception(struct cpu *cpu, enum cpu_cause cause, uint32_t address) {
    bus_exception(cpu->bus, cause, address);
    cpu->exccause = cause;
    if (cause != CAUSE_INTERRUPT) {
        cpu->excvaddr = address;
    }
    if ((cpu->ps & PS_EXCM) != 0) {
        cpu->depc = cpu->pc;
        enter_vector(cpu, VECTOR_DOUBLE);
    } else {
        cpu->epc[1] = cpu->pc;
        enter_vector(cpu, (cpu->ps & PS_UM) != 0 ? VECTOR_USER : VECTOR_KERNEL);
    }
    cpu->ps |= PS_EXCM;
}

static void enter_level(struct cpu *cpu, unsigned level, uint32_t offset) {
    cpu->epc[level] = cpu->pc;
    cpu->eps[level] = cpu->ps;
    cpu->ps = (cpu->ps & ~PS_INTLEVEL) | level | PS_EXCM;
    enter_vector(cpu, offset);
}

static uint32_t pending(const struct cpu *cpu) {
    return cpu->interrupt | cpu->lines;
}

/// Takes what is pending and allowed. Returns whether an interrupt was taken.
static bool take_interrupt(struct cpu *cpu) {
    uint32_t level = cpu->ps & PS_INTLEVEL;

    if (cpu->nmi && level < 3) {
        cpu->nmi = false;
        cpu->waiting = false;
        enter_level(cpu, 3, VECTOR_NMI);
        return true;
    }
    if ((pending(cpu) & cpu->intenable & 0x1fffu) != 0 && level < 1 && (cpu->ps & PS_EXCM) == 0) {
        cpu->waiting = false;
        exception(cpu, CAUSE_INTERRUPT, 0);
        return true;
    }
    return false;
}

/// Cycle at which CCOUNT next equals CCOMPARE.
static uint64_t timer_at(const struct cpu *cpu) {
    return cpu->cycles + (uint32_t)(cpu->ccompare - cpu_ccount(cpu) - 1u) + 1u;
}

static uint32_t word_at(const struct code *code, uint32_t offset) {
    uint32_t word;
    memcpy(&word, code->bytes + offset, sizeof word);
    return word;
}

/// Runs without a look at interrupts. One switch over locals is what makes it fast.
// NOLINTNEXTLINE(readability-function-size)
static void run_slice(struct cpu *cpu, uint64_t end) {
    uint32_t *a = cpu->a;
    uint32_t pc = cpu->pc;
    const struct code *code = cpu->code;
    uint32_t base = code != NULL ? code->base : 1;
    uint32_t size = code != NULL ? code->size : 0;
    uint64_t cycles = cpu->cycles;
    uint64_t instructions = cpu->instructions;
    uint32_t value;
    enum cpu_cause cause;
    uint32_t address;
    struct instruction real;

#define LEAVE()                                                                                                        \
    do {                                                                                                               \
        cpu->pc = pc;                                                                                                  \
        cpu->cycles = cycles;                                                                                          \
        cpu->instructions = instructions;                                                                              \
        return;                                                                                                        \
    } while (0)
#define RAISE(number, where)                                                                                           \
    do {                                                                                                               \
        cpu->pc = pc;                                                                                                  \
        cpu->cycles = cycles;                                                                                          \
        cpu->instructions = instructions;                                                                              \
        exception(cpu, (number), (where));                                                                             \
        return;                                                                                                        \
    } while (0)
#define JUMP(where)                                                                                                    \
    do {                                                                                                               \
        pc = (uint32_t)(where);                                                                                        \
        cycles += BRANCH_CYCLES;                                                                                       \
    } while (0)
#define BRANCH(condition)                                                                                              \
    do {                                                                                                               \
        if (condition) {                                                                                               \
            JUMP(d->immediate);                                                                                        \
        } else {                                                                                                       \
            pc += d->length;                                                                                           \
        }                                                                                                              \
    } while (0)
#define NEXT() pc += d->length
#define SYNC()                                                                                                         \
    do {                                                                                                               \
        cpu->pc = pc;                                                                                                  \
        cpu->cycles = cycles;                                                                                          \
        cpu->instructions = instructions;                                                                              \
    } while (0)
#define RELOAD()                                                                                                       \
    do {                                                                                                               \
        cycles = cpu->cycles;                                                                                          \
        if (cpu->code != code) {                                                                                       \
            size = 0;                                                                                                  \
        }                                                                                                              \
        if (cpu->stop_at < end) {                                                                                      \
            end = cpu->stop_at;                                                                                        \
        }                                                                                                              \
    } while (0)
/* Data memory is reached without the bus: nothing happens there but what the program sees. */
#define IN_DATA(bytes) (address - cpu->data_base < cpu->data_size && (address & ((bytes)-1)) == 0)
#define LOAD(bytes, expression)                                                                                        \
    do {                                                                                                               \
        address = a[d->s] + (uint32_t)d->immediate;                                                                    \
        if (IN_DATA(bytes)) {                                                                                          \
            value = 0;                                                                                                 \
            memcpy(&value, cpu->data + (address - cpu->data_base), (bytes));                                           \
            a[d->t] = (uint32_t)(expression);                                                                          \
            NEXT();                                                                                                    \
            break;                                                                                                     \
        }                                                                                                              \
        SYNC();                                                                                                        \
        cause = bus_load(cpu->bus, address, (bytes), &value);                                                          \
        RELOAD();                                                                                                      \
        if (cause != CAUSE_NONE) {                                                                                     \
            RAISE(cause, address);                                                                                     \
        }                                                                                                              \
        a[d->t] = (uint32_t)(expression);                                                                              \
        NEXT();                                                                                                        \
    } while (0)
#define STORE(bytes)                                                                                                   \
    do {                                                                                                               \
        address = a[d->s] + (uint32_t)d->immediate;                                                                    \
        if (IN_DATA(bytes)) {                                                                                          \
            memcpy(cpu->data + (address - cpu->data_base), &a[d->t], (bytes));                                         \
            NEXT();                                                                                                    \
            break;                                                                                                     \
        }                                                                                                              \
        SYNC();                                                                                                        \
        cause = bus_store(cpu->bus, address, (bytes), a[d->t]);                                                        \
        RELOAD();                                                                                                      \
        if (cause != CAUSE_NONE) {                                                                                     \
            RAISE(cause, address);                                                                                     \
        }                                                                                                              \
        NEXT();                                                                                                        \
    } while (0)

    while (cycles < end) {
        uint32_t offset = pc - base;

        if (offset >= size) {
            SYNC();
            code = bus_code(cpu->bus, pc);
            cpu->code = code;
            if (code == NULL) {
                RAISE(pc < NOTHING_BELOW ? CAUSE_FETCH_PROHIBITED : CAUSE_FETCH_ERROR, pc);
            }
            base = code->base;
            size = code->size;
            offset = pc - base;
        }
        struct instruction *d = &code->decoded[offset];
    again:
        cycles++;
        instructions++;
        switch ((enum operation)d->operation) {
        case OP_NONE:
            cycles--;
            instructions--;
            instruction_decode(d, pc, word_at(code, offset));
            if (is_marked(cpu, pc)) {
                d->operation = OP_MARKED;
            }
            goto again;
        case OP_MARKED:
            cycles--;
            instructions--;
            if (!cpu->mark_passed) {
                SYNC();
                cpu->mark_passed = true;
                bus_marked(cpu->bus, pc);
                cpu->stop_at = 0;
                return;
            }
            cpu->mark_passed = false;
            instruction_decode(&real, pc, word_at(code, offset));
            d = &real;
            goto again;
        case OP_ILLEGAL:
            RAISE(CAUSE_ILLEGAL, 0);
        case OP_ADD:
            a[d->r] = a[d->s] + a[d->t];
            NEXT();
            break;
        case OP_ADDX2:
            a[d->r] = (a[d->s] << 1) + a[d->t];
            NEXT();
            break;
        case OP_ADDX4:
            a[d->r] = (a[d->s] << 2) + a[d->t];
            NEXT();
            break;
        case OP_ADDX8:
            a[d->r] = (a[d->s] << 3) + a[d->t];
            NEXT();
            break;
        case OP_SUB:
            a[d->r] = a[d->s] - a[d->t];
            NEXT();
            break;
        case OP_SUBX2:
            a[d->r] = (a[d->s] << 1) - a[d->t];
            NEXT();
            break;
        case OP_SUBX4:
            a[d->r] = (a[d->s] << 2) - a[d->t];
            NEXT();
            break;
        case OP_SUBX8:
            a[d->r] = (a[d->s] << 3) - a[d->t];
            NEXT();
            break;
        case OP_AND:
            a[d->r] = a[d->s] & a[d->t];
            NEXT();
            break;
        case OP_OR:
            a[d->r] = a[d->s] | a[d->t];
            NEXT();
            break;
        case OP_XOR:
            a[d->r] = a[d->s] ^ a[d->t];
            NEXT();
            break;
        case OP_NEG:
            a[d->r] = 0u - a[d->t];
            NEXT();
            break;
        case OP_ABS:
            a[d->r] = (int32_t)a[d->t] < 0 ? 0u - a[d->t] : a[d->t];
            NEXT();
            break;
        case OP_MOV:
            a[d->r] = a[d->s];
            NEXT();
            break;
        case OP_ADDI:
            a[d->t] = a[d->s] + (uint32_t)d->immediate;
            NEXT();
            break;
        case OP_MOVI:
            a[d->t] = (uint32_t)d->immediate;
            NEXT();
            break;
        case OP_L32R:
            address = (cpu->litbase & 1) != 0 ? (cpu->litbase & ~1u) + (uint32_t)d->immediate
                                              : ((pc + 3) & ~3u) + (uint32_t)d->immediate;
            if (address - base < size) {
                memcpy(&a[d->t], code->bytes + (address - base), 4);
                NEXT();
                break;
            }
            SYNC();
            cause = bus_load(cpu->bus, address, 4, &value);
            RELOAD();
            if (cause != CAUSE_NONE) {
                RAISE(cause, address);
            }
            a[d->t] = value;
            NEXT();
            break;
        case OP_SLLI:
            a[d->r] = d->immediate >= 32 ? 0 : a[d->s] << d->immediate;
            NEXT();
            break;
        case OP_SRAI:
            a[d->r] = (uint32_t)((int32_t)a[d->t] >> d->immediate);
            NEXT();
            break;
        case OP_SRLI:
            a[d->r] = a[d->t] >> d->immediate;
            NEXT();
            break;
        case OP_SLL:
            a[d->r] = (uint32_t)((uint64_t)a[d->s] << 32 >> cpu->sar);
            if (cpu->sar == 0) {
                a[d->r] = 0;
            }
            NEXT();
            break;
        case OP_SRL:
            a[d->r] = cpu->sar >= 32 ? 0 : a[d->t] >> cpu->sar;
            NEXT();
            break;
        case OP_SRA:
            a[d->r] = (uint32_t)((int32_t)a[d->t] >> (cpu->sar >= 32 ? 31 : cpu->sar));
            NEXT();
            break;
        case OP_SRC:
            a[d->r] = (uint32_t)(((uint64_t)a[d->s] << 32 | a[d->t]) >> cpu->sar);
            NEXT();
            break;
        case OP_EXTUI:
            a[d->r] = a[d->t] >> d->s & (uint32_t)d->immediate;
            NEXT();
            break;
        case OP_SSR:
            cpu->sar = a[d->s] & 31;
            NEXT();
            break;
        case OP_SSL:
            cpu->sar = 32 - (a[d->s] & 31);
            NEXT();
            break;
        case OP_SSA8L:
            cpu->sar = (a[d->s] & 3) * 8;
            NEXT();
            break;
        case OP_SSA8B:
            cpu->sar = 32 - (a[d->s] & 3) * 8;
            NEXT();
            break;
        case OP_SSAI:
            cpu->sar = (uint32_t)d->immediate;
            NEXT();
            break;
        case OP_NSA:
            value = a[d->s];
            value = (int32_t)value < 0 ? ~value : value;
            a[d->t] = value == 0 ? 31 : (uint32_t)__builtin_clz(value) - 1;
            NEXT();
            break;
        case OP_NSAU:
            a[d->t] = a[d->s] == 0 ? 32 : (uint32_t)__builtin_clz(a[d->s]);
            NEXT();
            break;
        case OP_MUL16U:
            a[d->r] = (a[d->s] & 0xffff) * (a[d->t] & 0xffff);
            NEXT();
            break;
        case OP_MUL16S:
            a[d->r] = (uint32_t)((int32_t)(int16_t)a[d->s] * (int16_t)a[d->t]);
            NEXT();
            break;
        case OP_MULL:
            a[d->r] = a[d->s] * a[d->t];
            NEXT();
            break;
        case OP_MOVEQZ:
            if (a[d->t] == 0) {
                a[d->r] = a[d->s];
            }
            NEXT();
            break;
        case OP_MOVNEZ:
            if (a[d->t] != 0) {
                a[d->r] = a[d->s];
            }
            NEXT();
            break;
        case OP_MOVLTZ:
            if ((int32_t)a[d->t] < 0) {
                a[d->r] = a[d->s];
            }
            NEXT();
            break;
        case OP_MOVGEZ:
            if ((int32_t)a[d->t] >= 0) {
                a[d->r] = a[d->s];
            }
            NEXT();
            break;
        case OP_L8UI:
            LOAD(1, value);
            break;
        case OP_L16UI:
            LOAD(2, value);
            break;
        case OP_L16SI:
            LOAD(2, (int32_t)(int16_t)value);
            break;
        case OP_L32I:
            LOAD(4, value);
            break;
        case OP_S8I:
            STORE(1);
            break;
        case OP_S16I:
            STORE(2);
            break;
        case OP_S32I:
            STORE(4);
            break;
        case OP_J:
            JUMP(d->immediate);
            break;
        case OP_JX:
            JUMP(a[d->s]);
            break;
        case OP_CALL0:
            a[0] = pc + d->length;
            JUMP(d->immediate);
            break;
        case OP_CALLX0:
            address = a[d->s];
            a[0] = pc + d->length;
            JUMP(address);
            break;
        case OP_RET:
            JUMP(a[0]);
            break;
        case OP_BEQ:
            BRANCH(a[d->s] == a[d->t]);
            break;
        case OP_BNE:
            BRANCH(a[d->s] != a[d->t]);
            break;
        case OP_BLT:
            BRANCH((int32_t)a[d->s] < (int32_t)a[d->t]);
            break;
        case OP_BGE:
            BRANCH((int32_t)a[d->s] >= (int32_t)a[d->t]);
            break;
        case OP_BLTU:
            BRANCH(a[d->s] < a[d->t]);
            break;
        case OP_BGEU:
            BRANCH(a[d->s] >= a[d->t]);
            break;
        case OP_BANY:
            BRANCH((a[d->s] & a[d->t]) != 0);
            break;
        case OP_BNONE:
            BRANCH((a[d->s] & a[d->t]) == 0);
            break;
        case OP_BALL:
            BRANCH((~a[d->s] & a[d->t]) == 0);
            break;
        case OP_BNALL:
            BRANCH((~a[d->s] & a[d->t]) != 0);
            break;
        case OP_BBC:
            BRANCH((a[d->s] >> (a[d->t] & 31) & 1) == 0);
            break;
        case OP_BBS:
            BRANCH((a[d->s] >> (a[d->t] & 31) & 1) != 0);
            break;
        case OP_BBCI:
            BRANCH((a[d->s] >> d->t & 1) == 0);
            break;
        case OP_BBSI:
            BRANCH((a[d->s] >> d->t & 1) != 0);
            break;
        case OP_BEQZ:
            BRANCH(a[d->s] == 0);
            break;
        case OP_BNEZ:
            BRANCH(a[d->s] != 0);
            break;
        case OP_BLTZ:
            BRANCH((int32_t)a[d->s] < 0);
            break;
        case OP_BGEZ:
            BRANCH((int32_t)a[d->s] >= 0);
            break;
        case OP_BEQI:
            BRANCH((int32_t)a[d->s] == instruction_constants[d->r]);
            break;
        case OP_BNEI:
            BRANCH((int32_t)a[d->s] != instruction_constants[d->r]);
            break;
        case OP_BLTI:
            BRANCH((int32_t)a[d->s] < instruction_constants[d->r]);
            break;
        case OP_BGEI:
            BRANCH((int32_t)a[d->s] >= instruction_constants[d->r]);
            break;
        case OP_BLTUI:
            BRANCH(a[d->s] < (uint32_t)instruction_constants[d->r]);
            break;
        case OP_BGEUI:
            BRANCH(a[d->s] >= (uint32_t)instruction_constants[d->r]);
            break;
        case OP_NOP:
            NEXT();
            break;
        case OP_TLB_READ:
            a[d->t] = 0;
            NEXT();
            break;
        case OP_RSR:
            SYNC();
            a[d->t] = special_read(cpu, (unsigned)d->immediate);
            NEXT();
            break;
        case OP_WSR:
            SYNC();
            special_write(cpu, (unsigned)d->immediate, a[d->t]);
            NEXT();
            LEAVE();
        case OP_XSR:
            SYNC();
            value = special_read(cpu, (unsigned)d->immediate);
            special_write(cpu, (unsigned)d->immediate, a[d->t]);
            a[d->t] = value;
            NEXT();
            LEAVE();
        case OP_RSIL:
            a[d->t] = cpu->ps;
            cpu->ps = (cpu->ps & ~PS_INTLEVEL) | d->s;
            NEXT();
            LEAVE();
        case OP_WAITI:
            cpu->ps = (cpu->ps & ~PS_INTLEVEL) | d->s;
            cpu->waiting = true;
            NEXT();
            LEAVE();
        case OP_RFE:
            cpu->ps &= ~PS_EXCM;
            JUMP(cpu->epc[1]);
            LEAVE();
        case OP_RFDE:
            JUMP(cpu->depc);
            LEAVE();
        case OP_RFI:
            cpu->ps = cpu->eps[d->s & 3];
            JUMP(cpu->epc[d->s & 3]);
            LEAVE();
        case OP_BREAK: // no debugger: the debug vector, unless its level is masked
            SYNC();
            bus_exception(cpu->bus, CAUSE_NONE, 0);
            if ((cpu->ps & PS_INTLEVEL) >= 2) {
                NEXT();
                break;
            }
            cpu->debugcause = d->length == 2 ? DEBUG_BREAK_N : DEBUG_BREAK;
            enter_level(cpu, 2, VECTOR_DEBUG);
            return;
        case OP_SYSCALL:
            RAISE(CAUSE_SYSCALL, 0);
        }
    }
    LEAVE();
}

void cpu_run(struct cpu *cpu) {
    while (cpu->cycles < cpu->stop_at) {
        uint64_t end = cpu->stop_at;
        uint64_t timer = timer_at(cpu);

        if (timer < end) {
            end = timer;
        }
        if (take_interrupt(cpu)) {
            continue;
        }
        if (cpu->waiting) {
            cpu->cycles = end;
        } else {
            run_slice(cpu, end);
        }
        if (timer <= cpu->cycles) {
            cpu->interrupt |= 1u << INTERRUPT_TIMER;
        }
    }
}
