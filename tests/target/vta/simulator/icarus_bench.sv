// One program on the accelerator beside a plain memory, for Icarus: `before.hex` is what the memory
// begins with, `after.hex` what it holds when the program has ended, or has not within CYCLES.
module icarus_bench;
  parameter int BUS_BYTES = 8;
  parameter int WORDS = 1024;
  parameter int PROGRAM = 0;       // byte address
  parameter int INSTRUCTIONS = 1;
  parameter int CYCLES = 100_000;

  logic clock = 0, resetn = 0;
  always #5 clock = !clock;

  logic [7:0] s_axil_awaddr, s_axil_araddr;
  logic s_axil_awvalid = 0, s_axil_awready, s_axil_wvalid = 0, s_axil_wready;
  logic [31:0] s_axil_wdata, s_axil_rdata;
  logic s_axil_bvalid, s_axil_bready = 1;
  logic s_axil_arvalid = 0, s_axil_arready, s_axil_rvalid, s_axil_rready = 1;
  logic [1:0] s_axil_bresp, s_axil_rresp;

  logic m_axi_arvalid, m_axi_arready, m_axi_arid, m_axi_rvalid, m_axi_rready, m_axi_rid;
  logic m_axi_rlast, m_axi_awvalid, m_axi_awready, m_axi_wvalid, m_axi_wready, m_axi_wlast;
  logic m_axi_bvalid, m_axi_bready;
  logic [31:0] m_axi_araddr, m_axi_awaddr;
  logic [7:0] m_axi_arlen, m_axi_awlen;
  logic [2:0] m_axi_arsize, m_axi_awsize, m_axi_arprot, m_axi_awprot;
  logic [1:0] m_axi_arburst, m_axi_awburst, m_axi_rresp, m_axi_bresp;
  logic [3:0] m_axi_arcache, m_axi_awcache;
  logic [BUS_BYTES*8-1:0] m_axi_rdata, m_axi_wdata;
  logic [BUS_BYTES-1:0] m_axi_wstrb;
  logic finish_interrupt;

  accelerator #(
      `include "parameters.svh"
  ) accelerator (.*);

  // ---------------------------------------------------------------- memory: a burst each way
  logic [BUS_BYTES*8-1:0] memory[WORDS];
  logic reading = 0, writing = 0, answering = 0;
  logic [31:0] read_word, write_word;
  logic [7:0] read_left;
  assign m_axi_arready = !reading;
  assign m_axi_rvalid = reading;
  assign m_axi_rdata = memory[read_word];
  assign m_axi_rlast = read_left == 0;
  assign m_axi_rresp = 0;
  assign m_axi_awready = !writing && !answering;
  assign m_axi_wready = writing;
  assign m_axi_bvalid = answering;
  assign m_axi_bresp = 0;
  always_ff @(posedge clock) begin
    if (m_axi_arvalid && m_axi_arready) begin
      reading <= 1;
      read_word <= m_axi_araddr / BUS_BYTES;
      read_left <= m_axi_arlen;
      m_axi_rid <= m_axi_arid;
    end
    if (m_axi_rvalid && m_axi_rready) begin
      read_word <= read_word + 1;
      read_left <= read_left - 8'd1;
      if (m_axi_rlast) reading <= 0;
    end
    if (m_axi_awvalid && m_axi_awready) begin
      writing <= 1;
      write_word <= m_axi_awaddr / BUS_BYTES;
    end
    if (m_axi_wvalid && m_axi_wready) begin
      for (int i = 0; i < BUS_BYTES; i++)
        if (m_axi_wstrb[i]) memory[write_word][8*i+:8] <= m_axi_wdata[8*i+:8];
      write_word <= write_word + 1;
      if (m_axi_wlast) begin
        writing <= 0;
        answering <= 1;
      end
    end
    if (m_axi_bvalid && m_axi_bready) answering <= 0;
  end

  // ---------------------------------------------------------------- registers
  task automatic set(input logic [7:0] address, input logic [31:0] value);
    s_axil_awaddr <= address;
    s_axil_wdata <= value;
    s_axil_awvalid <= 1;
    s_axil_wvalid <= 1;
    do @(posedge clock); while (!s_axil_awready);
    s_axil_awvalid <= 0;
    s_axil_wvalid <= 0;
    @(posedge clock);
  endtask

  initial begin
    $readmemh("before.hex", memory);
    repeat (4) @(posedge clock);
    resetn <= 1;
    @(posedge clock);
    set(8'h08, PROGRAM);
    set(8'h0c, INSTRUCTIONS);
    set(8'h14, 0);
    set(8'h18, WORDS * BUS_BYTES);
    set(8'h00, 1);
    for (int i = 0; i < CYCLES && !finish_interrupt; i++) @(posedge clock);
    s_axil_araddr <= 8'h04;
    s_axil_arvalid <= 1;
    do @(posedge clock); while (!s_axil_rvalid);
    $display("status %h", s_axil_rdata);
    $writememh("after.hex", memory);
    $finish;
  end
endmodule
