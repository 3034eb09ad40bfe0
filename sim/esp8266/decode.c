/*
 * After the Xtensa Instruction Set Architecture Reference Manual, chapter 7: formats RRR, RRI8, RI16, RSR, CALL, BRI8,
 * BRI12 and the density option's RRRN, RI7, RI6.
 */
#include "sim/esp8266/decode.h"

static int32_t sign_extend(uint32_t value, unsigned bits) {
    return (int32_t)(value << (32 - bits)) >> (32 - bits);
}

const int32_t instruction_constants[32] = {-1,    1,     2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256,
                                           32768, 65536, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256};

static void decode_jumps(struct instruction *d) {
    switch (d->t) {
    case 8:
        d->operation = OP_RET;
        break;
    case 10:
        d->operation = OP_JX;
        break;
    case 12:
        d->operation = OP_CALLX0;
        break;
    default:
        break;
    }
}

static void decode_returns(struct instruction *d) {
    if (d->t == 0 && d->s == 0) {
        d->operation = OP_RFE;
    } else if (d->t == 0 && d->s == 2) {
        d->operation = OP_RFDE;
    } else if (d->t == 1) {
        d->operation = OP_RFI;
    }
}

/// Group ST0.
static void decode_control(struct instruction *d) {
    switch (d->r) {
    case 0:
        decode_jumps(d);
        break;
    case 2: // isync, rsync, esync, dsync, excw, memw, extw, nop
        d->operation = d->t <= 3 || d->t == 8 || d->t >= 12 ? OP_NOP : OP_ILLEGAL;
        break;
    case 3:
        decode_returns(d);
        break;
    case 4:
        d->operation = OP_BREAK;
        break;
    case 5:
        d->operation = d->s == 0 ? OP_SYSCALL : OP_ILLEGAL;
        break;
    case 6:
        d->operation = OP_RSIL;
        break;
    case 7:
        d->operation = d->t == 0 ? OP_WAITI : OP_ILLEGAL;
        break;
    default:
        break;
    }
}

/// Group ST1.
static void decode_shift_amount(struct instruction *d) {
    static const uint8_t operations[16] = {
        [0] = OP_SSR, [1] = OP_SSL, [2] = OP_SSA8L, [3] = OP_SSA8B, [4] = OP_SSAI, [14] = OP_NSA, [15] = OP_NSAU};
    if (operations[d->r] != OP_NONE) {
        d->operation = operations[d->r];
        d->immediate = d->s | (d->t & 1) << 4;
    }
}

/// Group RST0.
static void decode_plain(struct instruction *d, unsigned op2) {
    static const uint8_t operations[16] = {
        [1] = OP_AND,    [2] = OP_OR,   [3] = OP_XOR,    [8] = OP_ADD,    [9] = OP_ADDX2, [10] = OP_ADDX4,
        [11] = OP_ADDX8, [12] = OP_SUB, [13] = OP_SUBX2, [14] = OP_SUBX4, [15] = OP_SUBX8};
    if (operations[op2] != OP_NONE) {
        d->operation = op2 == 2 && d->s == d->t ? OP_MOV : operations[op2];
    } else if (op2 == 0) {
        decode_control(d);
    } else if (op2 == 4) {
        decode_shift_amount(d);
    } else if (op2 == 5) {
        // Region protection: the chip's memory map is what the ROM sets it to.
        d->operation = (d->r & 7) == 4 || (d->r & 7) == 6 ? OP_NOP : OP_TLB_READ;
    } else if (op2 == 6) {
        d->operation = d->s == 0 ? OP_NEG : d->s == 1 ? OP_ABS : OP_ILLEGAL;
    }
}

/// Group RST1: shifts and short products.
static void decode_shift(struct instruction *d, unsigned op2) {
    static const uint8_t operations[16] = {OP_SLLI, OP_SLLI, OP_SRAI, OP_SRAI, OP_SRLI,   OP_NONE,   OP_XSR,  OP_NONE,
                                           OP_SRC,  OP_SRL,  OP_SLL,  OP_SRA,  OP_MUL16U, OP_MUL16S, OP_NONE, OP_NONE};
    if (operations[op2] == OP_NONE) {
        return;
    }
    d->operation = operations[op2];
    if (op2 <= 1) {
        d->immediate = 32 - (d->t | (int32_t)(op2 & 1) << 4);
    } else if (op2 <= 3) {
        d->immediate = d->s | (int32_t)(op2 & 1) << 4;
    } else if (op2 == 4) {
        d->immediate = d->s;
    } else if (op2 == 6) {
        d->immediate = d->r << 4 | d->s;
    }
}

/// Group RST3: special registers and conditional moves.
static void decode_special(struct instruction *d, unsigned op2) {
    static const uint8_t operations[16] = {
        [0] = OP_RSR, [1] = OP_WSR, [8] = OP_MOVEQZ, [9] = OP_MOVNEZ, [10] = OP_MOVLTZ, [11] = OP_MOVGEZ};
    if (operations[op2] != OP_NONE) {
        d->operation = operations[op2];
        d->immediate = d->r << 4 | d->s;
    }
}

/// Format RRR.
static void decode_registers(struct instruction *d, uint32_t word) {
    unsigned op1 = word >> 16 & 15;
    unsigned op2 = word >> 20 & 15;
    switch (op1) {
    case 0:
        decode_plain(d, op2);
        break;
    case 1:
        decode_shift(d, op2);
        break;
    case 2:
        d->operation = op2 == 8 ? OP_MULL : OP_ILLEGAL;
        break;
    case 3:
        decode_special(d, op2);
        break;
    case 4:
    case 5:
        d->operation = OP_EXTUI;
        d->s = (uint8_t)(d->s | (op1 & 1) << 4);
        d->immediate = (int32_t)((2u << op2) - 1);
        break;
    default:
        break;
    }
}

/// Format RRI8: loads, stores, and what adds a constant.
static void decode_memory(struct instruction *d, uint32_t word) {
    // What the chip does with 11 and 15, l32ai and s32ri, is what it does with a plain load and store.
    static const uint8_t operations[16] = {OP_L8UI, OP_L16UI, OP_L32I, OP_NONE, OP_S8I,  OP_S16I, OP_S32I, OP_NOP,
                                           OP_NONE, OP_L16SI, OP_MOVI, OP_L32I, OP_ADDI, OP_ADDI, OP_NONE, OP_S32I};
    static const uint8_t shifts[16] = {[1] = 1, [2] = 2, [5] = 1, [6] = 2, [9] = 1, [11] = 2, [15] = 2};
    uint32_t constant = word >> 16;
    if (operations[d->r] == OP_NONE) {
        return;
    }
    d->operation = operations[d->r];
    if (d->r == 10) {
        d->immediate = sign_extend((uint32_t)d->s << 8 | constant, 12);
    } else if (d->r == 12) {
        d->immediate = sign_extend(constant, 8);
    } else if (d->r == 13) {
        d->immediate = sign_extend(constant, 8) * 256;
    } else {
        d->immediate = (int32_t)(constant << shifts[d->r]);
    }
}

/// Formats CALL, BRI12 and BRI8.
static void decode_constant_branch(struct instruction *d, uint32_t pc, uint32_t word) {
    static const uint8_t zero[4] = {OP_BEQZ, OP_BNEZ, OP_BLTZ, OP_BGEZ};
    static const uint8_t constant[4] = {OP_BEQI, OP_BNEI, OP_BLTI, OP_BGEI};
    unsigned m = d->t >> 2;
    uint32_t distance = (uint32_t)sign_extend(word >> 16, 8);
    if ((d->t & 3) == 0) {
        d->operation = OP_J;
        distance = (uint32_t)sign_extend(word >> 6, 18);
    } else if ((d->t & 3) == 1) {
        d->operation = zero[m];
        distance = (uint32_t)sign_extend(word >> 12, 12);
    } else if ((d->t & 3) == 2) {
        d->operation = constant[m];
    } else if (m >= 2) {
        d->operation = m == 2 ? OP_BLTUI : OP_BGEUI;
        d->r |= 16;
    }
    d->immediate = (int32_t)(pc + 4 + distance);
}

/// Format RRI8 of branches.
static void decode_branch(struct instruction *d, uint32_t pc, uint32_t word) {
    static const uint8_t operations[16] = {OP_BNONE, OP_BEQ, OP_BLT, OP_BLTU, OP_BALL,  OP_BBC, OP_BBCI, OP_BBCI,
                                           OP_BANY,  OP_BNE, OP_BGE, OP_BGEU, OP_BNALL, OP_BBS, OP_BBSI, OP_BBSI};
    d->operation = operations[d->r];
    d->immediate = (int32_t)(pc + 4 + (uint32_t)sign_extend(word >> 16, 8));
    if ((d->r & 6) == 6) {
        d->t = (uint8_t)(d->t | (d->r & 1) << 4);
    }
}

static void decode_short_constant(struct instruction *d, uint32_t pc) {
    if (d->t < 8) {
        int32_t value = (d->t & 7) << 4 | d->r;
        d->operation = OP_MOVI;
        d->immediate = value >= 96 ? value - 128 : value;
        d->t = d->s;
    } else {
        d->operation = d->t < 12 ? OP_BEQZ : OP_BNEZ;
        d->immediate = (int32_t)(pc + 4 + ((uint32_t)(d->t & 3) << 4 | d->r));
    }
}

static void decode_short_move(struct instruction *d) {
    if (d->r == 0) {
        d->operation = OP_MOV;
        d->r = d->t;
    } else if (d->r == 15) {
        d->operation = d->t == 0 ? OP_RET : d->t == 2 ? OP_BREAK : d->t == 3 ? OP_NOP : OP_ILLEGAL;
    }
}

/// The instructions of 16 bits.
static void decode_short(struct instruction *d, uint32_t pc, unsigned op0) {
    d->length = 2;
    switch (op0) {
    case 8:
    case 9:
        d->operation = op0 == 8 ? OP_L32I : OP_S32I;
        d->immediate = d->r * 4;
        break;
    case 10:
        d->operation = OP_ADD;
        break;
    case 11:
        d->operation = OP_ADDI;
        d->immediate = d->t == 0 ? -1 : d->t;
        d->t = d->r;
        break;
    case 12:
        decode_short_constant(d, pc);
        break;
    default:
        decode_short_move(d);
        break;
    }
}

void instruction_decode(struct instruction *instruction, uint32_t pc, uint32_t word) {
    struct instruction *d = instruction;
    unsigned op0 = word & 15;
    *d = (struct instruction){OP_ILLEGAL, 3, word >> 12 & 15, word >> 8 & 15, word >> 4 & 15, 0};
    word &= 0xffffffu;
    switch (op0) {
    case 0:
        decode_registers(d, word);
        break;
    case 1:
        d->operation = OP_L32R;
        d->immediate = (int32_t)(0xfffc0000u | word >> 8 << 2);
        break;
    case 2:
        decode_memory(d, word);
        break;
    case 5:
        if ((d->t & 3) == 0) {
            d->operation = OP_CALL0;
            d->immediate = (int32_t)((pc & ~3u) + 4 + (uint32_t)sign_extend(word >> 6, 18) * 4);
        }
        break;
    case 6:
        decode_constant_branch(d, pc, word);
        break;
    case 7:
        decode_branch(d, pc, word);
        break;
    default:
        if (op0 >= 8 && op0 < 14) {
            decode_short(d, pc, op0);
        }
        break;
    }
}
