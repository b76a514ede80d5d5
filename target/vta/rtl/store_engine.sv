// Results to DRAM (STPLN, STVEC), or back into the activation banks (KEEP).
module store_engine #(
    parameter int PIXELS = 14,
    parameter int CHANNELS = 32,
    parameter int ACTIVATION_BITS = 8,
    parameter int BUS_BYTES = 8,
    parameter int ACTIVATION_LINES = 768,
    parameter int PLANE_LINES = 512,
    parameter int VECTOR_LINES = 1024,
    parameter int LINE_BITS = $clog2(ACTIVATION_LINES),
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS
) (
    input logic clock,
    input logic reset,

    input  logic        start,
    output logic        idle,
    output logic        address_fault,
    input  logic        planes,  // STPLN
    input  logic        keep,    // KEEP, else STVEC
    // STPLN and STVEC
    input  logic        trunk,
    input  logic [13:0] line,
    input  logic [15:0] count,
    // KEEP
    input  logic [ 7:0] blocks,
    input  logic [13:0] block_lines,
    input  logic [ 9:0] first_row,
    input  logic [ 9:0] width,
    input  logic [13:0] destination,
    input  logic [13:0] pitch,

    output logic                            read_enable,
    output logic [$clog2(PLANE_LINES)-1:0]  plane_address,
    input  logic [PIXELS*32-1:0]            plane_line,
    output logic [$clog2(VECTOR_LINES)-1:0] vector_address,
    input  logic [VECTOR_BITS-1:0]          vector_line,

    output logic                   writer_start,
    output logic [23:0]            writer_words,
    output logic                   word_valid,
    input  logic                   word_ready,
    output logic [BUS_BYTES*8-1:0] word,
    output logic [BUS_BYTES-1:0]   strobe,

    output logic [3:0]           bank_enable,
    output logic [LINE_BITS-1:0] bank_address
);
  localparam int PLANE_LINE_BITS = $clog2(PLANE_LINES);
  localparam int VECTOR_LINE_BITS = $clog2(VECTOR_LINES);
  localparam int VECTOR_BYTES = VECTOR_BITS / 8;
  localparam int WIDE_BYTES = 1 << $clog2(4 * PIXELS);
  localparam int NARROW_BYTES = 1 << $clog2(2 * PIXELS);

  // The first line is read and the instruction checked, then each line is read while the one before
  // it is sent. An instruction is done when the writer has its last word, not when memory has.
  typedef enum logic [1:0] {
    IDLE,
    READ,
    SEND
  } state_t;
  state_t state;

  logic [13:0] at, block_at;
  logic [15:0] left;
  logic [7:0] blocks_left;
  logic [9:0] row, column;
  logic [13:0] target, row_target;
  logic [13:0] lines_above;  // from a block's first line in the banks to its first row
  logic [21:0] span;         // vector lines from the first block to the last

  logic [31:0] bytes;
  assign bytes = planes ? (trunk ? 32'(count) * NARROW_BYTES : 32'(count) * WIDE_BYTES)
      : 32'(count) * VECTOR_BYTES;
  assign writer_start = state == READ && !keep && !address_fault;
  assign writer_words = 24'((bytes + BUS_BYTES - 1) / BUS_BYTES);
  assign idle = state == IDLE;

  // Lines as words, in three widths.
  wire sending = state == SEND;
  wire last = left == 16'd1;
  wire [13:0] at_next = last ? block_at + block_lines : at + 14'd1;
  wire step;
  assign read_enable = state == READ || step;
  wire [13:0] read_at = state == READ ? at : at_next;  // checked before it is sent
  assign plane_address = PLANE_LINE_BITS'(read_at);
  assign vector_address = VECTOR_LINE_BITS'(read_at);
  logic [NARROW_BYTES*8-1:0] narrow;
  always_comb begin
    narrow = '0;
    for (int p = 0; p < PIXELS; p++) narrow[p*16+:16] = plane_line[p*32+:16];
  end
  wire [2:0] chosen = {!planes, planes && trunk, planes && !trunk};
  logic [2:0] unit_ready, valid;
  logic [BUS_BYTES*8-1:0] words[3];
  logic [BUS_BYTES-1:0] strobes[3];
  word_stream #(.BUS_BYTES(BUS_BYTES), .UNIT_BYTES(WIDE_BYTES)) wide_words (
      .clock, .clear(reset), .unit_valid(sending && !keep && chosen[0]), .unit_ready(unit_ready[0]),
      .unit_last(last), .unit_data((WIDE_BYTES * 8)'(plane_line)), .word_valid(valid[0]),
      .word_ready, .word(words[0]), .strobe(strobes[0])
  );
  word_stream #(.BUS_BYTES(BUS_BYTES), .UNIT_BYTES(NARROW_BYTES)) narrow_words (
      .clock, .clear(reset), .unit_valid(sending && !keep && chosen[1]), .unit_ready(unit_ready[1]),
      .unit_last(last), .unit_data(narrow), .word_valid(valid[1]),
      .word_ready, .word(words[1]), .strobe(strobes[1])
  );
  word_stream #(.BUS_BYTES(BUS_BYTES), .UNIT_BYTES(VECTOR_BYTES)) vector_words (
      .clock, .clear(reset), .unit_valid(sending && !keep && chosen[2]), .unit_ready(unit_ready[2]),
      .unit_last(last), .unit_data(vector_line), .word_valid(valid[2]),
      .word_ready, .word(words[2]), .strobe(strobes[2])
  );
  assign word_valid = |valid;
  assign word = chosen[1] ? words[1] : chosen[0] ? words[0] : words[2];
  assign strobe = chosen[1] ? strobes[1] : chosen[0] ? strobes[0] : strobes[2];

  wire keeping = sending && keep;
  assign bank_enable = keeping ? 4'b1 << row[1:0] : '0;
  wire [13:0] bank_line = row_target + 14'(column);
  assign bank_address = LINE_BITS'(bank_line);

  wire [2:0] ready = unit_ready & chosen;
  assign step = sending && (keep || |ready);

  wire [24:0] beyond = 25'(line) + 25'(span) + 25'(count);
  assign address_fault = (state == READ && beyond > 25'(planes ? PLANE_LINES : VECTOR_LINES))
      || (keeping && 15'(bank_line) >= 15'(ACTIVATION_LINES));

  always_ff @(posedge clock) begin
    case (state)
      IDLE:
      if (start) begin
        at <= line;
        block_at <= line;
        left <= count;
        blocks_left <= keep ? blocks : 8'd1;
        row <= first_row;
        column <= '0;
        target <= destination;
        lines_above <= 14'(first_row[9:2]) * 14'(width);
        span <= keep ? 22'(blocks - 8'd1) * 22'(block_lines) : '0;
        state <= READ;
      end
      READ: begin
        row_target <= target + lines_above;
        state <= address_fault ? IDLE : SEND;
      end
      SEND:
      if (step) begin
        at <= at_next;
        left <= left - 16'd1;
        column <= column + 10'd1;
        if (column + 10'd1 == width) begin
          column <= '0;
          row <= row + 10'd1;
          if (row[1:0] == 2'd3) row_target <= row_target + 14'(width);
        end
        if (last) begin
          blocks_left <= blocks_left - 8'd1;
          block_at <= block_at + block_lines;
          left <= count;
          row <= first_row;
          column <= '0;
          target <= target + pitch;
          row_target <= target + pitch + lines_above;
          if (blocks_left == 8'd1) state <= IDLE;
        end
      end
      default: state <= IDLE;
    endcase
    if (reset) state <= IDLE;
  end
endmodule
