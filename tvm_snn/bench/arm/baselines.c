// What other engines do on ARM, written by hand: a binary and an int8 convolution, 3x3, padding 1.
//
// POPCOUNT is the loop of daBNN and Larq Compute Engine: xor, count and add bytes, which are summed
// up as late as they may be (uadalp), for a tile of 4 pixels x 8 outputs in registers. A pixel's
// words are stored twice over, so that a load fills a register with one.
// Otherwise int8: products of 2 x 8 bytes in 16 bits, added up in pairs to 32 bits (smull, smlal,
// sadalp), or sdot where there is one, for a tile of 4 pixels x 4 outputs; or smmla where there are
// products of matrices, for a tile of 8 x 8.
// Results are multiplied by a factor of their output channel, as float32.
#include <arm_neon.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  CHANNELS = LAYER_CHANNELS, OUTPUTS = LAYER_OUTPUTS, SIZE = LAYER_SIZE, STRIDE = LAYER_STRIDE,
  RESULT = SIZE / STRIDE, FRAMED = SIZE + 2, TAPS = 9,
#if defined(__ARM_FEATURE_MATMUL_INT8) && !defined(POPCOUNT)
  TILE = 8
#else
  TILE = 4
#endif
};
#define INLINE static inline __attribute__((always_inline))

static float scale[OUTPUTS], result[RESULT * RESULT * OUTPUTS];

static void take(void *data, size_t bytes) {
  if (fread(data, 1, bytes, stdin) != bytes) exit(1);
}

INLINE void store(int32x4_t sums, int pixel, int first) {
  float32x4_t factors = vld1q_f32(scale + first);
  vst1q_f32(result + pixel * OUTPUTS + first, vmulq_f32(vcvtq_f32_s32(sums), factors));
}

#ifdef POPCOUNT

enum { WORDS = CHANNELS / 64, BLOCK = 8, VECTORS = 4, RUN = 3 * WORDS, STEPS = TAPS * WORDS };
enum { MOST = 31, ROWS = MOST / RUN >= 3 ? 3 : MOST / RUN };  // Rows of taps that a byte can count.

static uint64_t image[SIZE][SIZE][WORDS], framed[FRAMED][FRAMED][WORDS][2];
static uint64_t weights[OUTPUTS][TAPS][WORDS], packed[OUTPUTS / BLOCK][STEPS][BLOCK];
static int16_t starts[3][3][OUTPUTS];

static void prepare(void) {
  take(image, sizeof image), take(weights, sizeof weights), take(scale, sizeof scale);
  for (int o = 0; o < OUTPUTS; ++o) {
    int sums[TAPS];
    for (int tap = 0; tap < TAPS; ++tap) {
      sums[tap] = CHANNELS;
      for (int w = 0; w < WORDS; ++w) {
        packed[o / BLOCK][tap * WORDS + w][o % BLOCK] = weights[o][tap][w];
        sums[tap] -= 2 * __builtin_popcountll(weights[o][tap][w]);
      }
    }
    // Padding counts as +1: what it adds depends on the border that a pixel is at.
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 3; ++x) {
        int start = TAPS * CHANNELS;
        for (int tap = 0; tap < TAPS; ++tap) {
          int i = tap / 3, j = tap % 3;
          int outside = (y == 0 && i == 0) || (y == 2 && i == 2) || (x == 0 && j == 0) ||
                        (x == 2 && j == 2);
          start -= outside ? sums[tap] : 0;
        }
        starts[y][x][o] = (int16_t)start;
      }
  }
}

INLINE int border(int at) { return at == 0 ? 0 : at * STRIDE + 1 == SIZE ? 2 : 1; }

INLINE void tile(int block, int y, int x, const int pixels) {
  uint16x8_t totals[TILE][VECTORS];
  for (int p = 0; p < pixels; ++p)
    for (int v = 0; v < VECTORS; ++v) totals[p][v] = vdupq_n_u16(0);
  const uint64_t *weight = packed[block][0];
#pragma clang loop unroll(disable)
  for (int band = 0; band < 3; band += ROWS) {
    uint8x16_t counts[TILE][VECTORS];
    for (int p = 0; p < pixels; ++p)
      for (int v = 0; v < VECTORS; ++v) counts[p][v] = vdupq_n_u8(0);
    int end = band + ROWS < 3 ? band + ROWS : 3;
#pragma clang loop unroll(disable)
    for (int i = band; i < end; ++i) {
      const uint64_t *row = framed[y * STRIDE + i][x * STRIDE][0];
#pragma clang loop unroll(disable)
      for (int k = 0; k < RUN; ++k, row += 2, weight += BLOCK) {
        uint64x2_t w[VECTORS];
        for (int v = 0; v < VECTORS; ++v) w[v] = vld1q_u64(weight + 2 * v);
        for (int p = 0; p < pixels; ++p) {
          uint64x2_t signs = vld1q_u64(row + p * STRIDE * WORDS * 2);
          for (int v = 0; v < VECTORS; ++v) {
            uint8x16_t differ = vreinterpretq_u8_u64(veorq_u64(signs, w[v]));
            counts[p][v] = vaddq_u8(counts[p][v], vcntq_u8(differ));
          }
        }
      }
    }
    for (int p = 0; p < pixels; ++p)
      for (int v = 0; v < VECTORS; ++v) totals[p][v] = vpadalq_u8(totals[p][v], counts[p][v]);
  }
  for (int p = 0; p < pixels; ++p) {
    uint16x8_t low = vpaddq_u16(totals[p][0], totals[p][1]);
    uint16x8_t sums = vpaddq_u16(low, vpaddq_u16(totals[p][2], totals[p][3]));
    int16x8_t start = vld1q_s16(starts[border(y)][border(x + p)] + block * BLOCK);
    int16x8_t value = vsubq_s16(start, vreinterpretq_s16_u16(vshlq_n_u16(sums, 1)));
    store(vmovl_s16(vget_low_s16(value)), y * RESULT + x + p, block * BLOCK);
    store(vmovl_high_s16(value), y * RESULT + x + p, block * BLOCK + 4);
  }
}

static void run(void) {
  for (int y = 0; y < SIZE; ++y)
    for (int x = 0; x < SIZE; ++x)
      for (int w = 0; w < WORDS; ++w)
        framed[y + 1][x + 1][w][0] = framed[y + 1][x + 1][w][1] = image[y][x][w];
  for (int y = 0; y < RESULT; ++y)
    for (int block = 0; block < OUTPUTS / BLOCK; ++block) {
      int x = 0;
      for (; x + TILE <= RESULT; x += TILE) tile(block, y, x, TILE);
      if (RESULT % TILE) tile(block, y, x, RESULT % TILE);
    }
}

#else

enum { BLOCK = TILE, LANES = 16, PARTS = 3 * CHANNELS / LANES };

static int8_t image[SIZE][SIZE][CHANNELS], framed[FRAMED][FRAMED][CHANNELS];
static int8_t weights[OUTPUTS][TAPS][CHANNELS], packed[OUTPUTS / BLOCK][3][PARTS][BLOCK][LANES];

#ifdef __ARM_FEATURE_MATMUL_INT8

enum { HALF = LANES / 2 };

static void prepare(void) {
  take(image, sizeof image), take(weights, sizeof weights), take(scale, sizeof scale);
  // Of two outputs, the first halves of 16 channels, then the second ones.
  for (int o = 0; o < OUTPUTS; ++o)
    for (int i = 0; i < 3; ++i)
      for (int part = 0; part < PARTS; ++part)
        for (int half = 0; half < 2; ++half)
          memcpy(packed[o / BLOCK][i][part][o % BLOCK / 2 * 2 + half] + o % 2 * HALF,
                 weights[o][3 * i] + part * LANES + half * HALF, HALF);
}

INLINE int32x4_t join(int32x4_t a, int32x4_t b, const int which) {
  int64x2_t x = vreinterpretq_s64_s32(a), y = vreinterpretq_s64_s32(b);
  return vreinterpretq_s32_s64(which ? vzip2q_s64(x, y) : vzip1q_s64(x, y));
}

INLINE void tile(int block, int y, int x, const int pixels) {
  int32x4_t sums[TILE / 2][BLOCK / 2];
  const int pairs = (pixels + 1) / 2;
  for (int p = 0; p < pairs; ++p)
    for (int o = 0; o < BLOCK / 2; ++o) sums[p][o] = vdupq_n_s32(0);
  const int8_t *weight = packed[block][0][0][0];
#pragma clang loop unroll(disable)
  for (int i = 0; i < 3; ++i) {
    const int8_t *row = framed[y * STRIDE + i][x * STRIDE];
#pragma clang loop unroll(disable)
    for (int part = 0; part < PARTS; ++part, row += LANES, weight += BLOCK * LANES) {
      int32x4_t values[2][TILE / 2];
      for (int p = 0; p < pairs; ++p) {
        const int second = 2 * p + 1 < pixels ? 2 * p + 1 : 2 * p;
        int32x4_t a = vreinterpretq_s32_s8(vld1q_s8(row + 2 * p * STRIDE * CHANNELS));
        int32x4_t b = vreinterpretq_s32_s8(vld1q_s8(row + second * STRIDE * CHANNELS));
        values[0][p] = join(a, b, 0), values[1][p] = join(a, b, 1);
      }
      for (int o = 0; o < BLOCK / 2; ++o)
        for (int half = 0; half < 2; ++half) {
          int8x16_t w = vld1q_s8(weight + (2 * o + half) * LANES);
          for (int p = 0; p < pairs; ++p)
            sums[p][o] = vmmlaq_s32(sums[p][o], vreinterpretq_s8_s32(values[half][p]), w);
        }
    }
  }
  for (int p = 0; p < pixels; ++p)
    for (int o = 0; o < BLOCK / 4; ++o) {
      int32x4_t found = join(sums[p / 2][2 * o], sums[p / 2][2 * o + 1], p % 2);
      store(found, y * RESULT + x + p, block * BLOCK + 4 * o);
    }
}

#else

static void prepare(void) {
  take(image, sizeof image), take(weights, sizeof weights), take(scale, sizeof scale);
  for (int o = 0; o < OUTPUTS; ++o)
    for (int i = 0; i < 3; ++i)
      for (int part = 0; part < PARTS; ++part)
        memcpy(packed[o / BLOCK][i][part][o % BLOCK], weights[o][3 * i] + part * LANES, LANES);
}

INLINE int32x4_t add_products(int32x4_t sum, int8x16_t a, int8x16_t b) {
#ifdef __ARM_FEATURE_DOTPROD
  return vdotq_s32(sum, a, b);
#else
  // Two products fit into 16 bits: weights are no less than -127.
  int16x8_t products = vmull_s8(vget_low_s8(a), vget_low_s8(b));
  return vpadalq_s16(sum, vmlal_high_s8(products, a, b));
#endif
}

INLINE void tile(int block, int y, int x, const int pixels) {
  int32x4_t sums[TILE][BLOCK];
  for (int p = 0; p < pixels; ++p)
    for (int o = 0; o < BLOCK; ++o) sums[p][o] = vdupq_n_s32(0);
  const int8_t *weight = packed[block][0][0][0];
#pragma clang loop unroll(disable)
  for (int i = 0; i < 3; ++i) {
    const int8_t *row = framed[y * STRIDE + i][x * STRIDE];
#pragma clang loop unroll(disable)
    for (int part = 0; part < PARTS; ++part, row += LANES, weight += BLOCK * LANES) {
      int8x16_t w[BLOCK];
      for (int o = 0; o < BLOCK; ++o) w[o] = vld1q_s8(weight + o * LANES);
      for (int p = 0; p < pixels; ++p) {
        int8x16_t values = vld1q_s8(row + p * STRIDE * CHANNELS);
        for (int o = 0; o < BLOCK; ++o) sums[p][o] = add_products(sums[p][o], w[o], values);
      }
    }
  }
  for (int p = 0; p < pixels; ++p) {
    int32x4_t low = vpaddq_s32(sums[p][0], sums[p][1]);
    int32x4_t high = vpaddq_s32(sums[p][2], sums[p][3]);
    store(vpaddq_s32(low, high), y * RESULT + x + p, block * BLOCK);
  }
}

#endif

static void run(void) {
  for (int y = 0; y < SIZE; ++y) memcpy(framed[y + 1][1], image[y], sizeof image[y]);
  for (int y = 0; y < RESULT; ++y)
    for (int block = 0; block < OUTPUTS / BLOCK; ++block) {
      int x = 0;
      for (; x + TILE <= RESULT; x += TILE) tile(block, y, x, TILE);
      if (RESULT % TILE) tile(block, y, x, RESULT % TILE);
    }
}

#endif

int main(int count, char **arguments) {
  int turns = count > 1 ? atoi(arguments[1]) : 1;
  prepare();
  for (int turn = 0; turn < turns; ++turn) run();
  fwrite(result, 1, sizeof result, stdout);
  return 0;
}
