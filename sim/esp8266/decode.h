/*
 * Decoding of the LX106's instructions.
 */
#ifndef SIM_ESP8266_DECODE_H
#define SIM_ESP8266_DECODE_H

#include <stdint.h>

// clang-format off
enum operation {
    OP_NONE, ///< not decoded yet
    OP_ILLEGAL,
    OP_MARKED, ///< whoever marked the address wants to be asked first
    OP_ADD, OP_ADDX2, OP_ADDX4, OP_ADDX8, OP_SUB, OP_SUBX2, OP_SUBX4, OP_SUBX8,
    OP_AND, OP_OR, OP_XOR, OP_NEG, OP_ABS, OP_MOV,
    OP_ADDI, OP_MOVI, OP_L32R,
    OP_SLLI, OP_SRAI, OP_SRLI, OP_SLL, OP_SRL, OP_SRA, OP_SRC, OP_EXTUI,
    OP_SSR, OP_SSL, OP_SSA8L, OP_SSA8B, OP_SSAI, OP_NSA, OP_NSAU,
    OP_MUL16U, OP_MUL16S, OP_MULL,
    OP_MOVEQZ, OP_MOVNEZ, OP_MOVLTZ, OP_MOVGEZ,
    OP_L8UI, OP_L16UI, OP_L16SI, OP_L32I, OP_S8I, OP_S16I, OP_S32I,
    OP_J, OP_JX, OP_CALL0, OP_CALLX0, OP_RET,
    OP_BEQ, OP_BNE, OP_BLT, OP_BGE, OP_BLTU, OP_BGEU, OP_BANY, OP_BNONE, OP_BALL, OP_BNALL, OP_BBC, OP_BBS,
    OP_BBCI, OP_BBSI, OP_BEQZ, OP_BNEZ, OP_BLTZ, OP_BGEZ, OP_BEQI, OP_BNEI, OP_BLTI, OP_BGEI, OP_BLTUI, OP_BGEUI,
    OP_NOP, OP_TLB_READ,
    OP_RSR, OP_WSR, OP_XSR, OP_RSIL, OP_WAITI, OP_RFE, OP_RFDE, OP_RFI, OP_BREAK, OP_SYSCALL,
};
// clang-format on

/// An instruction as it is carried out: shift amounts, addresses and the constants of comparisons are worked out.
struct instruction {
    uint8_t operation;
    uint8_t length;
    uint8_t r, s, t;
    int32_t immediate;
};

/// What branches compare with, by r: b4const, then b4constu.
extern const int32_t instruction_constants[32];

/// `word` is the three bytes at `pc`; what follows a short instruction does not matter.
void instruction_decode(struct instruction *instruction, uint32_t pc, uint32_t word);

#endif
