// The registers that software sees through AXI4-Lite.
module control_registers #(
    parameter int COUNTERS = 12,
    parameter int PLACES = 6,
    parameter int IDENTITY = 0
) (
    input logic clock,
    input logic resetn,

    input  logic [ 7:0] awaddr,
    input  logic        awvalid,
    output logic        awready,
    input  logic [31:0] wdata,
    input  logic        wvalid,
    output logic        wready,
    output logic [ 1:0] bresp,
    output logic        bvalid,
    input  logic        bready,
    input  logic [ 7:0] araddr,
    input  logic        arvalid,
    output logic        arready,
    output logic [31:0] rdata,
    output logic [ 1:0] rresp,
    output logic        rvalid,
    input  logic        rready,

    output logic                   start,           // a pulse
    output logic                   clear,           // a pulse: reset the engines
    input  logic                   bus_quiet,       // nothing is under way on the memory bus
    output logic [31:0]            program_address,
    output logic [31:0]            program_length,
    output logic [31:0]            memory_base,
    output logic [31:0]            memory_size,
    input  logic                   running,
    input  logic                   finished,
    input  logic [ 2:0]            trap,
    input  logic [ 2:0]            trap_engine,
    input  logic [COUNTERS*32-1:0] counters,
    input  logic [  PLACES*32-1:0] places
);
  // Byte addresses.
  localparam logic [7:0] CONTROL = 8'h00;  // write 1: start, 2: reset
  // bit 0 running, 1 finished, 2 bus quiet, 6:4 trap, 10:8 the engine that it came from
  localparam logic [7:0] STATUS = 8'h04;
  localparam logic [7:0] PROGRAM = 8'h08;
  localparam logic [7:0] LENGTH = 8'h0c;
  localparam logic [7:0] CONFIGURATION = 8'h10;  // read only
  localparam logic [7:0] MEMORY = 8'h14;
  localparam logic [7:0] MEMORY_SIZE = 8'h18;
  localparam logic [7:0] FIRST_COUNTER = 8'h20;
  localparam logic [7:0] FIRST_PLACE = FIRST_COUNTER + 8'(4 * COUNTERS);

  wire write = awvalid && wvalid && !bvalid;
  wire read = arvalid && !rvalid;
  assign awready = write;
  assign wready = write;
  assign arready = read;
  assign bresp = 2'b00;
  assign rresp = 2'b00;

  always_ff @(posedge clock) begin
    start <= 1'b0;
    clear <= 1'b0;
    if (bready) bvalid <= 1'b0;
    if (rready) rvalid <= 1'b0;
    if (write) begin
      bvalid <= 1'b1;
      case (awaddr)
        CONTROL: begin
          start <= wdata[0] && !running;
          clear <= wdata[1];
        end
        PROGRAM: program_address <= wdata;
        LENGTH: program_length <= wdata;
        MEMORY: memory_base <= wdata;
        MEMORY_SIZE: memory_size <= wdata;
        default: ;
      endcase
    end
    if (read) begin
      rvalid <= 1'b1;
      rdata <= '0;
      case (araddr)
        STATUS: rdata <= {21'b0, trap_engine, 1'b0, trap, 1'b0, bus_quiet, finished, running};
        PROGRAM: rdata <= program_address;
        LENGTH: rdata <= program_length;
        CONFIGURATION: rdata <= IDENTITY;
        MEMORY: rdata <= memory_base;
        MEMORY_SIZE: rdata <= memory_size;
        default: begin
          for (int i = 0; i < COUNTERS; i++)
            if (araddr == FIRST_COUNTER + 8'(4 * i)) rdata <= counters[32*i+:32];
          for (int i = 0; i < PLACES; i++)
            if (araddr == FIRST_PLACE + 8'(4 * i)) rdata <= places[32*i+:32];
        end
      endcase
    end
    if (!resetn) begin
      bvalid <= 1'b0;
      rvalid <= 1'b0;
      start <= 1'b0;
      clear <= 1'b1;
      program_address <= '0;
      program_length <= '0;
      memory_base <= '0;
      memory_size <= '0;
    end
  end
endmodule
