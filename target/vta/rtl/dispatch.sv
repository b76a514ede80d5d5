// Between fetch and the engines: a queue for each engine, tokens between them, and the
// sequencers that take both.
module dispatch (
    input logic clock,
    input logic reset,

    input  logic [4:0]   push,         // by engine
    input  logic [127:0] instruction,
    output logic [4:0]   full,

    output logic [5*128-1:0] heads,       // the instruction that each engine executes, or would
    output logic [4:0]       begin_work,  // a pulse
    input  logic [4:0]       done,        // the engine is idle; in the next cycle not yet
    output logic [4:0]       leave,       // a pulse: the instruction was executed
    output logic [4:0]       busy,
    output logic             idle         // no engine has an instruction
);
  `include "isa.svh"

  localparam int GATHER = 2;

  logic [4:0] empty;
  // Tokens by (from, to).
  logic [4:0] take[5], put[5], present[5], room[5];  // [to][from] and [from][to]

  for (genvar from = 0; from < 5; from++) begin : token_from
    for (genvar to = 0; to < 5; to++) begin : token_to
      if (is_channel(from, to)) begin : used
        token_channel channel (
            .clock, .reset, .put(put[from][to]), .take(take[to][from]),
            .present(present[to][from]), .room(room[from][to])
        );
      end else begin : unused
        assign present[to][from] = 1'b0;
        assign room[from][to] = 1'b1;
      end
    end
  end

  for (genvar e = 0; e < 5; e++) begin : engine
    wire [127:0] head = heads[128*e+:128];
    logic [4:0] needed, owed;
    logic second;
    // BCONV's second header is the gather engine's.
    assign second = e == GATHER && head[3:0] == OP_BCONV;
    assign needed = channels_in(3'(e), second ? head[SECOND_WAIT_LSB+:4] : head[WAIT_LSB+:4]);
    assign owed = channels_out(3'(e), second ? head[SECOND_POST_LSB+:4] : head[POST_LSB+:4]);

    instruction_queue #(.DEPTH(8)) waiting_instructions (
        .clock, .reset, .push(push[e]), .in(instruction), .full(full[e]),
        .pop(leave[e]), .empty(empty[e]), .out(heads[128*e+:128])
    );
    sequencer #(.INPUTS(5), .OUTPUTS(5)) steps (
        .clock, .reset, .available(!empty[e]), .needed, .owed, .present(present[e]),
        .take(take[e]), .room(room[e]), .put(put[e]), .start(begin_work[e]),
        .done(done[e]), .pop(leave[e]), .busy(busy[e])
    );
  end

  assign idle = empty == '1 && busy == '0;
endmodule
