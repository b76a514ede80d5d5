// The accumulators of two tiles (ping and pong): gather fills a bank while the ALU empties one.
module accumulators #(
    parameter int GROUPS = 64,       // of outputs
    parameter int GROUP_WORDS = 3,   // accumulators of a group: adders * pixels
    parameter int BITS = 24,
    parameter bit APART = 1'b1,      // each accumulator has a write enable of its own, else all one
    parameter int GROUP_BITS = $clog2(GROUPS)
) (
    input logic clock,
    input logic reset,

    // Gather: reads and writes a group, data one cycle after the address.
    output logic                        gather_free,     // there is a bank to be filled
    input  logic                        gather_taken,
    input  logic                        gather_filled,
    input  logic                        gather_read,
    input  logic                        gather_bank,
    input  logic [GROUP_BITS-1:0]       gather_group,
    output logic [GROUP_WORDS*BITS-1:0] gather_data,     // of the bank that is written
    input  logic [GROUP_WORDS-1:0]      write_enable,
    input  logic                        write_bank,
    input  logic [GROUP_BITS-1:0]       write_group,
    input  logic [GROUP_WORDS*BITS-1:0] write_data,

    // The ALU.
    output logic                        alu_ready,       // there is a bank that is full
    input  logic                        alu_done,
    input  logic                        alu_read,
    input  logic                        alu_bank,
    input  logic [GROUP_BITS-1:0]       alu_group,
    output logic [GROUP_WORDS*BITS-1:0] alu_data
);
  localparam int FIELDS = APART ? GROUP_WORDS : 1;

  logic [GROUP_WORDS*BITS-1:0] bank_data[2];
  logic alu_bank_q;
  always_ff @(posedge clock) alu_bank_q <= alu_bank;
  assign alu_data = bank_data[alu_bank_q];
  assign gather_data = bank_data[write_bank];

  for (genvar b = 0; b < 2; b++) begin : bank
    wire by_gather = gather_read && gather_bank == 1'(b);
    simple_ram #(
        .DEPTH(GROUPS), .FIELDS(FIELDS), .FIELD_BITS(GROUP_WORDS * BITS / FIELDS)
    ) memory (
        .clock,
        .write_enable(write_bank == 1'(b) ? write_enable[FIELDS-1:0] : '0),
        .write_address(write_group),
        .write_data,
        .read_enable(by_gather || (alu_read && alu_bank == 1'(b))),
        .read_address(by_gather ? gather_group : alu_group),
        .read_data(bank_data[b])
    );
  end

  slot_pair slots (
      .clock, .reset, .taken(gather_taken), .filled(gather_filled), .emptied(alu_done),
      .free(gather_free), .some(alu_ready)
  );
endmodule
