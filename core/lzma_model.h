/*
 * The model of an LZMA stream, for unpacking and packing: its numbers, and where its probabilities lie in memory.
 */
#ifndef ONESLOT_LZMA_MODEL_H
#define ONESLOT_LZMA_MODEL_H

#include <stdint.h>

/// The range coder: probabilities of 11 bits, a step of 1/32, a byte is shifted in below 24 bits.
#define PROBABILITY_BITS 11
#define PROBABILITY_HALF (1u << (PROBABILITY_BITS - 1))
#define PROBABILITY_STEP 5
#define RANGE_LEAST      (1u << 24)
#define RANGE_BYTES      5

/// Where probabilities lie in `memory`. First what every stream has...
#define AT_REPEAT        0u   /* by state: a new distance or one of the last four */
#define AT_REPEAT_FIRST  12u  /* by state: the last one or another */
#define AT_REPEAT_SECOND 24u  /* by state */
#define AT_REPEAT_THIRD  36u  /* by state */
#define AT_SLOT          48u  /* by length: six bits that say how long a distance is */
#define AT_NEAR          304u /* the lower bits of distances below 128 */
#define AT_ALIGN         420u /* the lowest four bits of others */
#define AT_LENGTH        436u /* of a new distance's match */
#define AT_REPEAT_LENGTH 694u /* of a repeated distance's match */
#define AT_POSITIONS     952u
/// ... then a block for each of the 2^pb positions ...
#define IN_MATCH       0u  /* by state: a literal or a match */
#define IN_LONG        12u /* by state: the last distance, for more than one byte */
#define IN_LOW         24u /* eight for each kind of length: below 8 */
#define IN_MIDDLE      40u /* eight for each kind of length: below 16 */
#define POSITION_BLOCK 56u
/// ... then 2^(lc + lp) blocks for literals.
#define LITERAL_BLOCK 0x300u

/// In a coder of lengths.
#define IN_LENGTH_LOW    0u
#define IN_LENGTH_MIDDLE 1u
#define IN_LENGTH_HIGH   2u
#define LENGTH_LEAST     2u

#define STATES_LITERAL 7u /* below: the last symbol was a literal */
#define END_MARKER     UINT32_MAX

#endif
