// Walks over the image and fills the window memory, tile by tile, block by block.
//
// The pixels of a tile lie in one or more rows of the result. For each of these row segments the
// loader reads the input columns under it, three rows of a column in a cycle (the rows lie in
// different banks), and hands each column to the up to three lanes whose windows hold it.
//
// A planner works out the next segment while a walker reads the columns of one: from segment to
// segment, block to block and tile to tile no cycle is lost.
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

    // Two window slots: `slot_free` while one may be taken; a taken slot is filled in the end.
    input  logic slot_free,
    output logic slot_taken,
    output logic slot_filled
);
  localparam int COLUMN_BITS = LANE_BITS + 2;

  // ---------------------------------------------------------------- planner
  typedef enum logic [1:0] {
    IDLE,
    LENGTH,
    ROWS,
    OFFER
  } state_t;
  state_t state;

  // Where the tile begins, and what of the run is left.
  logic [9:0] tile_y, tile_x;
  logic [15:0] left;
  logic [7:0] block;
  logic [13:0] source_line;
  logic part;

  // The segment: its row and first column in the result, its first lane, its pixels.
  logic [9:0] y, x;
  logic [LANE_BITS-1:0] lane, length;
  logic dead;  // lanes past the run's last pixel: their windows are zero
  // Where its first window begins in the image; the activation line of that column in row 0, and
  // the lines between row 0 and the window's first row.
  logic signed [12:0] top, window_left;
  logic [13:0] first_line, lines_above;

  wire [LANE_BITS-1:0] live = left < 16'(PIXELS) ? LANE_BITS'(left) : LANE_BITS'(PIXELS);
  wire [9:0] row_left = out_width - x;
  wire [LANE_BITS-1:0] tile_left = live - lane;
  wire [LANE_BITS-1:0] lane_next = lane + length;
  wire closes_tile = lane_next == LANE_BITS'(PIXELS);
  wire closes_block = closes_tile && (part || !paired);
  wire row_goes_on = !dead && 10'(length) != row_left;
  wire [9:0] y_next = row_goes_on ? y : y + 1'b1;
  wire [9:0] x_next = row_goes_on ? x + 10'(length) : '0;

  wire opens_block = lane == '0 && !part;
  wire take;  // the walker takes the segment on offer

  always_ff @(posedge clock) begin
    case (state)
      IDLE:
      if (start) begin
        tile_y <= first_y;
        tile_x <= first_x;
        y <= first_y;
        x <= first_x;
        left <= count;
        block <= '0;
        source_line <= line;
        part <= 1'b0;
        lane <= '0;
        dead <= 1'b0;
        state <= LENGTH;
      end
      LENGTH: begin
        // A dead segment covers all lanes that are left; its columns are zero whatever is read.
        if (dead) length <= LANE_BITS'(PIXELS) - lane;
        else length <= 10'(tile_left) < row_left ? tile_left : LANE_BITS'(row_left);
        top <= 13'(stride_two ? {y, 1'b0} : {1'b0, y}) - 13'(pad_top);
        window_left <= 13'(stride_two ? {x, 1'b0} : {1'b0, x}) - 13'(pad_left);
        state <= ROWS;
      end
      ROWS: begin
        first_line <= source_line + 14'(window_left);
        lines_above <= 14'(top >>> 2) * 14'(width);
        state <= OFFER;
      end
      OFFER:
      if (take) begin
        state <= LENGTH;
        lane <= lane_next;
        y <= y_next;
        x <= x_next;
        dead <= lane_next == live;
        if (closes_tile) begin
          lane <= '0;
          y <= tile_y;
          x <= tile_x;
          dead <= 1'b0;
          part <= paired && !part;
          source_line <= source_line + (column_mode ? 14'(8 * pitch) : pitch);
        end
        if (closes_block) begin
          block <= block + 1'b1;
          if (block + 1'b1 == blocks) begin
            block <= '0;
            source_line <= line;
            tile_y <= y_next;
            tile_x <= x_next;
            y <= y_next;
            x <= x_next;
            left <= left - 16'(live);
            if (left == 16'(live)) state <= IDLE;
          end
        end
      end
      default: state <= IDLE;
    endcase
    if (reset) state <= IDLE;
  end

  // ---------------------------------------------------------------- walker
  // Row r of the windows is row `top + r` of the image, in bank `(top + r) % 4`.
  logic walking, slot;
  logic walked_part, walked_closes;
  logic signed [12:0] image_x;
  logic [2:0] row_exists;  // it is read, and not above or below the image
  logic [1:0] row_bank[3];
  logic [13:0] row_line[3];
  logic [LANE_BITS-1:0] walked_lane, walked_length;
  logic [COLUMN_BITS-1:0] column, last_column;
  logic [2:0] tap;  // column mode: which of the eight blocks

  wire last_of_segment = column == last_column && (!column_mode || tap == 3'd7);
  wire [1:0] column_step = column_mode && stride_two ? 2'd2 : 2'd1;
  assign take = state == OFFER && (!walking || last_of_segment) && (!opens_block || slot_free);
  assign slot_taken = take && opens_block;
  // The last column's windows are written two cycles later; nobody reads them before the fourth.
  assign slot_filled = walking && last_of_segment && walked_closes;
  assign idle = state == IDLE && !walking;

  always_ff @(posedge clock) begin
    if (walking) begin
      if (column_mode && tap != 3'd7) begin
        tap <= tap + 1'b1;
        row_line[0] <= row_line[0] + pitch;
      end else begin
        tap <= '0;
        column <= column + 1'b1;
        image_x <= image_x + 13'(column_step);
        for (int r = 0; r < 3; r++) row_line[r] <= row_line[r] + 14'd1;
        if (column_mode) row_line[0] <= row_line[0] + 14'(column_step) - 14'(7 * pitch);
      end
      if (last_of_segment) walking <= 1'b0;
    end
    if (slot_filled) slot <= !slot;
    if (take) begin
      walking <= 1'b1;
      walked_part <= part;
      walked_closes <= closes_block;
      walked_lane <= lane;
      walked_length <= length;
      image_x <= window_left;
      for (int r = 0; r < 3; r++) begin
        row_exists[r] <= !dead && (r == 0 || !column_mode) && top + 13'(r) >= 0
            && top + 13'(r) < 13'(height);
        row_bank[r] <= top[1:0] + 2'(r);
        // The rows of a bank are four apart: with the carry begins the next line of rows.
        row_line[r] <= first_line + lines_above + (3'(top[1:0]) + 3'(r) > 3'd3 ? 14'(width) : '0);
      end
      column <= '0;
      tap <= '0;
      if (column_mode) last_column <= COLUMN_BITS'(length) - 1'b1;
      else if (stride_two) last_column <= COLUMN_BITS'({length, 1'b0});
      else last_column <= COLUMN_BITS'(length) + 1'b1;
    end
    if (reset) begin
      walking <= 1'b0;
      slot <= 1'b0;
    end
  end

  wire inside_x = image_x >= 0 && image_x < 13'(width);
  wire [2:0] row_read = walking && inside_x ? row_exists : '0;
  assign bank_enable = walking;
  always_comb begin
    bank_address = '0;
    address_fault = 1'b0;
    for (int r = 0; r < 3; r++)
      if (row_read[r]) begin
        bank_address[row_bank[r]*LINE_BITS+:LINE_BITS] = LINE_BITS'(row_line[r]);
        if (15'(row_line[r]) >= 15'(ACTIVATION_LINES)) address_fault = 1'b1;
      end
  end

  // ---------------------------------------------------------------- windows
  // The next cycle: the banks answer.
  logic reading1, slot1, part1;
  logic [2:0] row_read1;
  logic [1:0] row_bank1[3];
  logic [LANE_BITS-1:0] lane1, length1;
  logic [COLUMN_BITS-1:0] column1;
  logic [2:0] tap1;
  always_ff @(posedge clock) begin
    reading1 <= walking && !reset;
    row_read1 <= row_read;
    for (int r = 0; r < 3; r++) row_bank1[r] <= row_bank[r];
    lane1 <= walked_lane;
    length1 <= walked_length;
    column1 <= column;
    tap1 <= tap;
    slot1 <= slot;
    part1 <= walked_part;
  end

  // Column `column1` is tap column d of the window that begins d columns further left.
  logic [2:0] column_taken;
  logic [LANE_BITS-1:0] column_lane[3];
  always_comb
    for (int d = 0; d < 3; d++) begin
      logic signed [LANE_BITS+2:0] begins;
      begins = $signed({1'b0, column1}) - (LANE_BITS + 3)'(d);
      column_taken[d] = begins >= 0 && !(stride_two && begins[0]);
      if (stride_two) begins = begins >>> 1;
      if (begins >= $signed({3'b0, length1})) column_taken[d] = 1'b0;
      column_lane[d] = lane1 + LANE_BITS'(begins);
    end

  // The three rows, each from its bank; zero outside of the image.
  logic [VECTOR_BITS-1:0] row_data[3], row_data2[3];
  always_comb
    for (int r = 0; r < 3; r++) begin
      row_data[r] = '0;
      for (int b = 0; b < 4; b++)
        if (row_read1[r] && row_bank1[r] == 2'(b))
          row_data[r] = bank_data[b*VECTOR_BITS+:VECTOR_BITS];
    end

  // The cycle after it: taps are written. In column mode all but the ninth, which is 0, come from
  // the one row that is read.
  always_ff @(posedge clock) begin
    for (int r = 0; r < 3; r++) row_data2[r] <= row_data[r];
    tap_slot <= slot1;
    tap_part <= part1;
    for (int t = 0; t < 9; t++) begin
      tap_enable[t] <= reading1 && !reset
          && (column_mode ? tap1 == (t == 8 ? 3'd0 : 3'(t)) : column_taken[t%3]);
      tap_lane[t*LANE_BITS+:LANE_BITS] <=
          column_mode ? lane1 + LANE_BITS'(column1) : column_lane[t%3];
    end
  end
  for (genvar t = 0; t < 9; t++) begin : tap_of
    assign tap_data[t*VECTOR_BITS+:VECTOR_BITS] =
        !column_mode ? row_data2[t/3] : t == 8 ? '0 : row_data2[0];
  end
endmodule
