// Reads the program and hands each instruction to the queues of its engines.
module fetch #(
    parameter int BUS_BYTES = 8
) (
    input logic clock,
    input logic reset,

    input  logic        start,
    input  logic [31:0] program_address,
    input  logic [31:0] program_length,   // instructions
    output logic        finished,         // FINISH was reached
    output logic        opcode_fault,
    output logic        field_fault,

    output logic                   reader_start,
    output logic [31:0]            reader_address,
    output logic [23:0]            reader_words,
    input  logic                   reader_idle,
    input  logic                   word_valid,
    output logic                   word_ready,
    input  logic [BUS_BYTES*8-1:0] word,

    output logic [4:0]   push,        // by engine: load, response, gather, alu, store
    output logic         taken,       // an instruction has left, into queues or as FINISH
    output logic [127:0] instruction,
    input  logic [4:0]   full
);
  `include "isa.svh"

  // Instructions are asked for only when there is room for them, so that those that wait never
  // keep the load engine's words from coming.
  localparam int CHUNK = 8;

  logic running;
  logic [31:0] next, left;
  logic empty, buffer_full, arrived;
  logic [127:0] arriving;
  logic [4:0] held;
  wire [31:0] chunk = left < CHUNK ? left : CHUNK;

  assign reader_start = running && reader_idle && left != 0 && held == 0;
  assign reader_address = next;
  assign reader_words = 24'(chunk * (16 / BUS_BYTES));

  unit_stream #(.BUS_BYTES(BUS_BYTES), .UNIT_BYTES(16)) instructions (
      .clock, .clear(reset), .unit_last(1'b0), .word_valid, .word_ready, .word,
      .unit_valid(arrived), .unit_ready(1'b1), .unit_data(arriving)
  );
  instruction_queue #(.DEPTH(CHUNK)) buffer (
      .clock, .reset, .push(arrived), .in(arriving), .full(buffer_full),
      .pop(taken), .empty, .out(instruction)
  );

  logic [4:0] engines;
  always_comb engines = engines_of(instruction[3:0]);
  wire known = is_opcode(instruction[3:0]);
  wire legal = has_legal_fields(instruction);
  wire is_finish = instruction[3:0] == OP_FINISH;
  wire ready = running && !empty;

  assign opcode_fault = (ready && !known) || (running && empty && left == 0 && reader_idle
      && !reader_start && held == 0);
  assign field_fault = ready && known && !legal;
  assign taken = ready && known && legal && (engines & full) == 0;
  assign push = taken ? engines : '0;

  always_ff @(posedge clock) begin
    if (start) begin
      running <= 1'b1;
      finished <= 1'b0;
      next <= program_address;
      left <= program_length;
      held <= '0;
    end
    if (reader_start) begin
      next <= next + chunk * 16;
      left <= left - chunk;
      held <= 5'(chunk);
    end
    if (taken) held <= held - 5'd1;
    if (taken && is_finish) begin
      running <= 1'b0;
      finished <= 1'b1;
    end
    if (reset) begin
      running <= 1'b0;
      finished <= 1'b0;
    end
  end
endmodule
