// Walks over the image and fills the window memory, tile by tile, block by block.
//
// The pixels of a tile lie in one or more rows of the result. For each of these row segments the
// loader reads the input columns under it, three rows of a column in a cycle (the rows lie in
// different banks), and hands each column to the up to three lanes whose windows hold it.
module window_loader #(
    parameter int PIXELS = 14,
    parameter int CHANNELS = 32,
    parameter int ACTIVATION_BITS = 8,
    parameter int ACTIVATION_LINES = 768,
    parameter int LINE_BITS = $clog2(ACTIVATION_LINES),
    parameter int LANE_BITS = $clog2(PIXELS + 1),
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS
) (
    input logic clock,
    input logic reset,

    // One RESP or BCONV; the geometry is SHAPE's. `start` is a pulse while `idle`.
    input  logic        start,
    output logic        idle,
    input  logic [13:0] line,
    input  logic [ 7:0] blocks,
    input  logic [ 9:0] first_y,
    input  logic [ 9:0] first_x,
    input  logic [15:0] count,
    input  logic        column_mode,
    input  logic        stride_two,
    input  logic [ 3:0] pad_top,
    input  logic [ 3:0] pad_left,
    input  logic [ 9:0] height,
    input  logic [ 9:0] width,
    input  logic [ 9:0] out_width,
    input  logic [13:0] pitch,
    input  logic        paired,

    // Reading the four banks: data one cycle after the address.
    output logic                     bank_enable,
    output logic [4*LINE_BITS-1:0]   bank_address,
    input  logic [4*VECTOR_BITS-1:0] bank_data,
    output logic                     address_fault,

    // Writing windows: lane and enable of each of the nine taps.
    output logic [8:0]               tap_enable,
    output logic [9*LANE_BITS-1:0]   tap_lane,
    output logic [9*VECTOR_BITS-1:0] tap_data,
    output logic                     tap_slot,
    output logic                     tap_part,

    // Two window slots: `slot_free` while one may be filled, `slot_filled` pulses when one is.
    input  logic slot_free,
    output logic slot_filled
);
  typedef enum logic [2:0] {
    IDLE,
    BLOCK,
    SEGMENT,
    ROWS,
    COLUMNS,
    LAST,
    FILLED
  } state_t;
  state_t state;

  // Where the tile begins, and what of the run is left.
  logic [9:0] tile_y, tile_x;
  logic [15:0] left;
  logic [7:0] block;
  logic [13:0] source_line;
  logic slot, part;

  // The segment: its row, its first column, its first lane, its pixels.
  logic [9:0] y, x;
  logic [LANE_BITS-1:0] lane;
  logic [LANE_BITS-1:0] length;
  logic dead;  // lanes past the run's last pixel: their windows are zero
  logic [LANE_BITS+1:0] column;
  logic [LANE_BITS+1:0] last_column;
  logic [2:0] tap;  // column mode: which of the eight blocks

  wire [LANE_BITS-1:0] live = left < 16'(PIXELS) ? LANE_BITS'(left) : LANE_BITS'(PIXELS);
  wire [9:0] row_left = out_width - x;
  wire [LANE_BITS-1:0] tile_left = live - lane;
  wire [LANE_BITS-1:0] segment_length =
      10'(tile_left) < row_left ? tile_left : LANE_BITS'(row_left);

  // Signed positions in the image, of the segment's first window.
  wire signed [12:0] top = 13'(stride_two ? {y, 1'b0} : {1'b0, y}) - 13'(pad_top);
  wire signed [12:0] window_left = 13'(stride_two ? {x, 1'b0} : {1'b0, x}) - 13'(pad_left);
  logic signed [12:0] row_y[3];
  logic [13:0] row_line[3];
  wire signed [12:0] image_x = column_mode
      ? window_left + 13'(stride_two ? {column, 1'b0} : {1'b0, column})
      : window_left + 13'(column);
  wire inside_x = image_x >= 0 && image_x < 13'(width);

  always_comb for (int r = 0; r < 3; r++) row_y[r] = top + 13'(r);

  wire [2:0] row_used = column_mode ? 3'b001 : 3'b111;
  wire reading = state == COLUMNS && !dead;
  logic [2:0] row_inside;
  logic [13:0] row_address[3];
  always_comb
    for (int r = 0; r < 3; r++) begin
      row_inside[r] = row_used[r] && inside_x && row_y[r] >= 0 && row_y[r] < 13'(height);
      row_address[r] = row_line[r] + 14'(image_x);
    end

  assign bank_enable = reading;
  always_comb begin
    bank_address = '0;
    address_fault = 1'b0;
    for (int r = 0; r < 3; r++) begin
      if (reading && row_inside[r]) begin
        bank_address[row_y[r][1:0]*LINE_BITS+:LINE_BITS] = LINE_BITS'(row_address[r]);
        if (row_address[r] >= 14'(ACTIVATION_LINES)) address_fault = 1'b1;
      end
    end
  end

  // What the data of the next cycle is for.
  logic reading_q, column_mode_q;
  logic [2:0] row_inside_q;
  logic [1:0] row_bank_q[3];
  logic [LANE_BITS-1:0] lane_q, length_q;
  logic [LANE_BITS+1:0] column_q;
  logic [2:0] tap_q;
  always_ff @(posedge clock) begin
    reading_q <= state == COLUMNS && !reset;
    column_mode_q <= column_mode;
    row_inside_q <= dead ? 3'b000 : row_inside;
    for (int r = 0; r < 3; r++) row_bank_q[r] <= row_y[r][1:0];
    lane_q <= lane;
    length_q <= length;
    column_q <= column;
    tap_q <= tap;
    tap_slot <= slot;
    tap_part <= part;
  end

  // Column `column` is tap column d of the window that begins d columns further left.
  logic [2:0] column_taken;
  logic [LANE_BITS-1:0] column_lane[3];
  always_comb
    for (int d = 0; d < 3; d++) begin
      logic signed [LANE_BITS+2:0] begins;
      begins = $signed({1'b0, column_q}) - (LANE_BITS + 3)'(d);
      column_taken[d] = begins >= 0 && !(stride_two && begins[0]);
      if (stride_two) begins = begins >>> 1;
      if (begins >= $signed({3'b0, length_q})) column_taken[d] = 1'b0;
      column_lane[d] = lane_q + LANE_BITS'(begins);
    end

  for (genvar t = 0; t < 9; t++) begin : tap_write
    localparam int D = t % 3;
    // In column mode only one row is read, and every tap comes from it but the ninth, which is 0.
    wire [1:0] source = column_mode_q ? 2'd0 : 2'(t / 3);
    wire present = row_inside_q[source] && !(column_mode_q && t == 8);
    assign tap_enable[t] = reading_q && (column_mode_q
        ? (t == 8 ? tap_q == 0 : tap_q == 3'(t)) : column_taken[D]);
    assign tap_lane[t*LANE_BITS+:LANE_BITS] =
        column_mode_q ? lane_q + LANE_BITS'(column_q) : column_lane[D];
    assign tap_data[t*VECTOR_BITS+:VECTOR_BITS] =
        present ? bank_data[row_bank_q[source]*VECTOR_BITS+:VECTOR_BITS] : '0;
  end

  assign idle = state == IDLE;
  assign slot_filled = state == FILLED;

  wire last_of_segment = column == last_column && (!column_mode || tap == 3'd7);
  wire [LANE_BITS-1:0] lane_next = lane + length;

  always_ff @(posedge clock) begin
    case (state)
      IDLE:
      if (start) begin
        tile_y <= first_y;
        tile_x <= first_x;
        left <= count;
        block <= '0;
        source_line <= line;
        part <= 1'b0;
        state <= BLOCK;
      end
      BLOCK:  // the first segment of a block, as soon as there is room for its windows
      if (slot_free) begin
        y <= tile_y;
        x <= tile_x;
        lane <= '0;
        dead <= 1'b0;
        state <= SEGMENT;
      end
      SEGMENT: begin
        // A dead segment covers all lanes that are left; its columns are zero whatever is read.
        length <= dead ? LANE_BITS'(PIXELS) - lane : segment_length;
        state <= ROWS;
      end
      ROWS: begin
        for (int r = 0; r < 3; r++)
          row_line[r] <= source_line + 14'(24'(14'(row_y[r] >>> 2)) * 24'(width));
        column <= '0;
        tap <= '0;
        last_column <= column_mode ? (LANE_BITS + 2)'(length) - 1'b1
            : (stride_two ? {1'b0, length - 1'b1, 1'b0} : {2'b0, length - 1'b1}) + (LANE_BITS + 2)'(2);
        state <= COLUMNS;
      end
      COLUMNS: begin
        if (column_mode && tap != 3'd7) begin
          tap <= tap + 1'b1;
          row_line[0] <= row_line[0] + pitch;
        end else begin
          tap <= '0;
          column <= column + 1'b1;
          if (column_mode) row_line[0] <= row_line[0] - 14'(7 * pitch);
        end
        if (last_of_segment) begin
          lane <= lane_next;
          x <= '0;
          y <= y + 1'b1;
          if (lane_next == LANE_BITS'(PIXELS)) begin
            state <= LAST;
          end else begin
            dead <= lane_next == live;
            state <= SEGMENT;
          end
          if (!dead && 10'(length) != row_left) begin
            x <= x + 10'(length);
            y <= y;
          end
        end
      end
      LAST: begin  // the last column is being written
        source_line <= source_line + (column_mode ? 14'(8 * pitch) : pitch);
        if (paired && !part) begin
          part <= 1'b1;
          y <= tile_y;
          x <= tile_x;
          lane <= '0;
          dead <= 1'b0;
          state <= SEGMENT;
        end else begin
          part <= 1'b0;
          state <= FILLED;
        end
      end
      FILLED: begin
        slot <= !slot;
        if (block + 1'b1 != blocks) begin
          block <= block + 1'b1;
          state <= BLOCK;
        end else begin
          block <= '0;
          source_line <= line;
          tile_y <= y;
          tile_x <= x;
          left <= left - 16'(live);
          state <= left == 16'(live) ? IDLE : BLOCK;
        end
      end
      default: state <= IDLE;
    endcase
    if (reset) begin
      state <= IDLE;
      slot <= 1'b0;
    end
  end
endmodule
