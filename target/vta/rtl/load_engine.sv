// Fills the memories from DRAM: LOAD and LDACT.
module load_engine #(
    parameter int PIXELS = 14,
    parameter int CHANNELS = 32,
    parameter int ADDERS = 1,
    parameter int ACTIVATION_BITS = 8,
    parameter int INDEX_BITS = 6,
    parameter int BUS_BYTES = 8,
    parameter int ACTIVATION_LINES = 768,
    parameter int SUBSET_LINES = 256,
    parameter int INDEX_LINES = 8192,
    parameter int OUTPUTS = 512,
    parameter int RESIDUAL_LINES = 512,
    parameter int LINE_BITS = $clog2(ACTIVATION_LINES),
    parameter int VECTOR_BITS = CHANNELS * ACTIVATION_BITS,
    parameter int PLANE_BITS = ADDERS * CHANNELS
) (
    input logic clock,
    input logic reset,

    input  logic        start,
    input  logic        activations,  // LDACT, else LOAD
    output logic        idle,
    output logic        address_fault,
    input  logic [31:0] address,
    // LOAD
    input  logic [ 1:0] memory,
    input  logic [ 3:0] planes,
    input  logic [15:0] line,
    input  logic [19:0] count,
    // LDACT
    input  logic [13:0] image_line,
    input  logic [ 1:0] first_row,
    input  logic [ 9:0] rows,
    input  logic [ 9:0] width,
    input  logic [ 7:0] blocks,
    input  logic [13:0] pitch,
    input  logic [13:0] stride,

    output logic                   reader_start,
    input  logic                   reader_ready,
    output logic [31:0]            reader_address,
    output logic [23:0]            reader_words,
    input  logic                   word_valid,
    output logic                   word_ready,
    input  logic [BUS_BYTES*8-1:0] word,

    output logic [3:0]             bank_request,  // wants the write port of this bank
    input  logic                   bank_granted,
    output logic [LINE_BITS-1:0]   bank_address,
    output logic [VECTOR_BITS-1:0] bank_data,

    output logic                              subset_enable,
    output logic [$clog2(SUBSET_LINES)-1:0]   subset_address,
    output logic [8:0]                        subset_data,
    output logic [INDEX_BITS-1:0]             index_enable,
    output logic [$clog2(INDEX_LINES)-1:0]    index_address,
    output logic [INDEX_BITS*PLANE_BITS-1:0]  index_data,
    output logic                              parameter_enable,
    output logic [$clog2(OUTPUTS)-1:0]        parameter_address,
    output logic [127:0]                      parameter_data,
    output logic                              residual_enable,
    output logic [$clog2(RESIDUAL_LINES)-1:0] residual_address,
    output logic [PIXELS*16-1:0]              residual_data
);
  localparam int SUBSET_LINE_BITS = $clog2(SUBSET_LINES);
  localparam int PARAMETER_LINE_BITS = $clog2(OUTPUTS);
  localparam int RESIDUAL_LINE_BITS = $clog2(RESIDUAL_LINES);
  localparam int INDEX_LINE_BITS = $clog2(INDEX_LINES);
  localparam int VECTOR_BYTES = VECTOR_BITS / 8;
  localparam int PLANE_BYTES = PLANE_BITS / 8;
  localparam int RESIDUAL_BYTES = 1 << $clog2(2 * PIXELS);
  localparam int KINDS = 5;
  localparam int SUBSET = 0, INDEX = 1, PARAMETER = 2, RESIDUAL = 3, ACTIVATION = 4;

  logic filling;
  logic [2:0] kind;
  logic [23:0] block_units, units_left;
  logic [15:0] at;
  logic [3:0] plane;
  logic [13:0] block_line, row_line;
  logic [9:0] column;
  logic [1:0] bank;
  logic [7:0] blocks_left;

  assign idle = !filling;

  // Blocks are requested as early as the reader takes them: while one arrives, the next is asked
  // for.
  logic [7:0] requests_left;
  logic [31:0] block_address;
  assign reader_start = requests_left != 0 && reader_ready;
  assign reader_address = block_address;

  // How many words the units of a block take.
  logic [31:0] bytes;
  always_comb begin
    case (kind)
      3'(SUBSET): bytes = 32'(block_units) * 2;
      3'(INDEX): bytes = 32'(block_units) * PLANE_BYTES;
      3'(PARAMETER): bytes = 32'(block_units) * 16;
      3'(RESIDUAL): bytes = 32'(block_units) * RESIDUAL_BYTES;
      default: bytes = 32'(block_units) * VECTOR_BYTES;
    endcase
  end
  assign reader_words = 24'((bytes + BUS_BYTES - 1) / BUS_BYTES);

  // One stream for each kind of unit; only the chosen one sees the words.
  wire last = units_left == 24'd1;
  logic [KINDS-1:0] valid, ready, taken;
  logic [15:0] subset_unit;
  logic [PLANE_BITS-1:0] plane_unit;
  logic [RESIDUAL_BYTES*8-1:0] residual_unit;
  wire has_vector = filling && valid[ACTIVATION];
  assign bank_request = has_vector ? 4'b1 << bank : '0;
  wire accept = kind != 3'(ACTIVATION) || bank_granted;
  assign word_ready = filling && ready[kind];

  unit_stream #(.BUS_BYTES(BUS_BYTES), .UNIT_BYTES(2)) subset_units (
      .clock, .clear(reset), .unit_last(last), .word, .unit_ready(1'b1),
      .word_valid(word_valid && filling && kind == 3'(SUBSET)), .word_ready(ready[SUBSET]),
      .unit_valid(valid[SUBSET]), .unit_data(subset_unit)
  );
  unit_stream #(.BUS_BYTES(BUS_BYTES), .UNIT_BYTES(PLANE_BYTES)) index_units (
      .clock, .clear(reset), .unit_last(last), .word, .unit_ready(1'b1),
      .word_valid(word_valid && filling && kind == 3'(INDEX)), .word_ready(ready[INDEX]),
      .unit_valid(valid[INDEX]), .unit_data(plane_unit)
  );
  unit_stream #(.BUS_BYTES(BUS_BYTES), .UNIT_BYTES(16)) parameter_units (
      .clock, .clear(reset), .unit_last(last), .word, .unit_ready(1'b1),
      .word_valid(word_valid && filling && kind == 3'(PARAMETER)), .word_ready(ready[PARAMETER]),
      .unit_valid(valid[PARAMETER]), .unit_data(parameter_data)
  );
  unit_stream #(.BUS_BYTES(BUS_BYTES), .UNIT_BYTES(RESIDUAL_BYTES)) residual_units (
      .clock, .clear(reset), .unit_last(last), .word, .unit_ready(1'b1),
      .word_valid(word_valid && filling && kind == 3'(RESIDUAL)), .word_ready(ready[RESIDUAL]),
      .unit_valid(valid[RESIDUAL]), .unit_data(residual_unit)
  );
  unit_stream #(.BUS_BYTES(BUS_BYTES), .UNIT_BYTES(VECTOR_BYTES)) vector_units (
      .clock, .clear(reset), .unit_last(last), .word, .unit_ready(bank_granted),
      .word_valid(word_valid && filling && kind == 3'(ACTIVATION)), .word_ready(ready[ACTIVATION]),
      .unit_valid(valid[ACTIVATION]), .unit_data(bank_data)
  );
  assign taken = valid & {bank_granted, 4'b1111};
  wire step = filling && taken[kind] && accept;

  // Where a unit goes.
  wire [13:0] vector_line = row_line + 14'(column);
  assign bank_address = LINE_BITS'(vector_line);
  assign subset_enable = filling && valid[SUBSET];
  assign subset_address = SUBSET_LINE_BITS'(at);
  assign subset_data = subset_unit[8:0];
  assign parameter_enable = filling && valid[PARAMETER];
  assign parameter_address = PARAMETER_LINE_BITS'(at);
  assign residual_enable = filling && valid[RESIDUAL];
  assign residual_address = RESIDUAL_LINE_BITS'(at);
  assign residual_data = residual_unit[PIXELS*16-1:0];
  assign index_address = INDEX_LINE_BITS'(at);
  always_comb
    for (int i = 0; i < INDEX_BITS; i++) begin
      index_enable[i] = filling && valid[INDEX]
          && (4'(i) == plane || (plane == 0 && 4'(i) >= planes));
      index_data[i*PLANE_BITS+:PLANE_BITS] = 4'(i) < planes ? plane_unit : '0;
    end

  // Past the end of its memory, nothing is begun.
  wire [20:0] beyond = 21'(line) + 21'(count);
  logic [20:0] depth;
  always_comb
    case (memory)
      2'(SUBSET): depth = 21'(SUBSET_LINES);
      2'(INDEX): depth = 21'(INDEX_LINES);
      2'(PARAMETER): depth = 21'(OUTPUTS);
      default: depth = 21'(RESIDUAL_LINES);
    endcase
  assign address_fault = (start && !activations && beyond > depth)
      || (has_vector && 15'(vector_line) >= 15'(ACTIVATION_LINES));

  wire [23:0] first_units = activations ? 24'(20'(rows) * 20'(width))
      : memory == 2'(INDEX) ? 24'(count) * 24'(planes) : 24'(count);

  always_ff @(posedge clock) begin
    if (reader_start) begin
      requests_left <= requests_left - 8'd1;
      block_address <= block_address + 32'(stride) * BUS_BYTES;
    end
    if (start && !address_fault) begin
      filling <= 1'b1;
      kind <= activations ? 3'(ACTIVATION) : {1'b0, memory};
      block_units <= first_units;
      units_left <= first_units;
      at <= line;
      plane <= '0;
      block_address <= address;
      block_line <= image_line;
      row_line <= image_line;
      column <= '0;
      bank <= first_row;
      blocks_left <= activations ? blocks : 8'd1;
      requests_left <= activations ? blocks : 8'd1;
    end
    if (step) begin
      units_left <= units_left - 24'd1;
      if (kind == 3'(INDEX) && plane + 4'd1 != planes) plane <= plane + 4'd1;
      else begin
        plane <= '0;
        at <= at + 16'd1;
      end
      column <= column + 10'd1;
      if (column + 10'd1 == width) begin
        column <= '0;
        bank <= bank + 2'd1;
        if (bank == 2'd3) row_line <= row_line + 14'(width);
      end
      if (last) begin
        blocks_left <= blocks_left - 8'd1;
        block_line <= block_line + pitch;
        row_line <= block_line + pitch;
        bank <= first_row;
        column <= '0;
        units_left <= block_units;
        if (blocks_left == 8'd1) filling <= 1'b0;
      end
    end
    if (reset) begin
      filling <= 1'b0;
      requests_left <= '0;
    end
  end
endmodule
