// Turns a stream of units of a power of two of bytes into bus words, the reverse of unit_stream.
// `last` marks the stream's last unit: the word is sent though it is not full, its other bytes
// without strobe.
module word_stream #(
    parameter int BUS_BYTES  = 8,
    parameter int UNIT_BYTES = 2
) (
    input  logic                    clock,
    input  logic                    clear,
    input  logic                    unit_valid,
    output logic                    unit_ready,
    input  logic                    unit_last,
    input  logic [UNIT_BYTES*8-1:0] unit_data,
    output logic                    word_valid,
    input  logic                    word_ready,
    output logic [BUS_BYTES*8-1:0]  word,
    output logic [BUS_BYTES-1:0]    strobe
);
  generate
    if (UNIT_BYTES == BUS_BYTES) begin : same
      assign word_valid = unit_valid;
      assign unit_ready = word_ready;
      assign word = unit_data;
      assign strobe = '1;
    end else if (UNIT_BYTES > BUS_BYTES) begin : divide
      localparam int PARTS = UNIT_BYTES / BUS_BYTES;
      logic [$clog2(PARTS)-1:0] part;
      assign word_valid = unit_valid;
      assign word = unit_data[part*BUS_BYTES*8+:BUS_BYTES*8];
      assign strobe = '1;
      assign unit_ready = word_ready && part == ($clog2(PARTS))'(PARTS - 1);
      always_ff @(posedge clock) begin
        if (word_valid && word_ready) part <= part + 1'b1;
        if (clear) part <= '0;
      end
    end else begin : join_units
      localparam int PARTS = BUS_BYTES / UNIT_BYTES;
      localparam int PART_BITS = $clog2(PARTS);
      logic [PART_BITS-1:0] part;
      logic [BUS_BYTES*8-1:0] held;
      logic [BUS_BYTES-1:0] held_strobe;
      wire complete = unit_last || part == PART_BITS'(PARTS - 1);
      assign word_valid = unit_valid && complete;
      assign unit_ready = !complete || word_ready;
      always_comb begin
        word = held;
        strobe = part == '0 ? '0 : held_strobe;
        word[part*UNIT_BYTES*8+:UNIT_BYTES*8] = unit_data;
        strobe[part*UNIT_BYTES+:UNIT_BYTES] = '1;
      end
      always_ff @(posedge clock) begin
        if (unit_valid && unit_ready) begin
          held <= word;
          held_strobe <= strobe;
          part <= complete ? '0 : part + 1'b1;
        end
        if (clear) part <= '0;
      end
    end
  endgenerate
endmodule
