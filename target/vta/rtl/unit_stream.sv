// Turns a stream of bus words into units of a power of two of bytes: several words to a unit,
// or several units to a word, lowest bytes first.
module unit_stream #(
    parameter int BUS_BYTES  = 8,
    parameter int UNIT_BYTES = 2
) (
    input  logic                    clock,
    input  logic                    clear,
    input  logic                    word_valid,
    output logic                    word_ready,
    input  logic [BUS_BYTES*8-1:0]  word,
    output logic                    unit_valid,
    input  logic                    unit_ready,
    input  logic                    unit_last,  // what is left of its word is padding
    output logic [UNIT_BYTES*8-1:0] unit_data
);
  generate
    if (UNIT_BYTES == BUS_BYTES) begin : same
      assign unit_valid = word_valid;
      assign word_ready = unit_ready;
      assign unit_data  = word;
    end else if (UNIT_BYTES < BUS_BYTES) begin : divide
      localparam int PARTS = BUS_BYTES / UNIT_BYTES;
      logic [$clog2(PARTS)-1:0] part;
      assign unit_valid = word_valid;
      assign unit_data  = word[part*UNIT_BYTES*8+:UNIT_BYTES*8];
      assign word_ready = unit_ready && (unit_last || part == ($clog2(PARTS))'(PARTS - 1));
      always_ff @(posedge clock) begin
        if (unit_valid && unit_ready) part <= unit_last ? '0 : part + 1'b1;
        if (clear) part <= '0;
      end
    end else begin : join_words
      localparam int PARTS = UNIT_BYTES / BUS_BYTES;
      localparam int PART_BITS = $clog2(PARTS);
      logic [PART_BITS-1:0] part;
      logic [UNIT_BYTES*8-1:0] held;
      // The last word of a unit is passed through.
      wire last = part == PART_BITS'(PARTS - 1);
      assign unit_valid = word_valid && last;
      assign word_ready = !last || unit_ready;
      always_comb begin
        unit_data = held;
        unit_data[(PARTS-1)*BUS_BYTES*8+:BUS_BYTES*8] = word;
      end
      always_ff @(posedge clock) begin
        if (word_valid && word_ready) begin
          held[part*BUS_BYTES*8+:BUS_BYTES*8] <= word;
          part <= part + 1'b1;
        end
        if (clear) part <= '0;
      end
    end
  endgenerate
endmodule
