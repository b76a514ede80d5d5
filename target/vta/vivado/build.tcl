# Builds accelerator.bit and accelerator.hwh for PYNQ-Z2:
#
#   vivado -mode batch -source build.tcl
#
# in the folder that `python -m tvm_snn.target.vta.vivado.export` has written: design.tcl says the
# sources, the parameters and the clock. Fails when timing is not met.

set here [file dirname [file normalize [info script]]]
source [file join $here design.tcl]

# ---------------------------------------------------------------- project
create_project -force accelerator [file join $here project] -part $part
# The board's file has the settings of its DRAM. PYNQ's boot loader has set DRAM up before any
# bitstream is loaded, so a design without them works on a running board.
set boards [get_board_parts -quiet -latest_file_version "*:pynq-z2:*"]
if {[llength $boards]} {
  set_property board_part [lindex $boards 0] [current_project]
} else {
  puts "WARNING: no board file for PYNQ-Z2: DRAM settings stay as PYNQ's boot loader made them"
}
foreach source $sources {add_files -norecurse [file join $here $source]}
set_property file_type SystemVerilog [get_files *.sv]
set_property file_type {Verilog Header} [get_files *.svh]
set_property include_dirs [file join $here rtl] [current_fileset]
add_files -fileset constrs_1 -norecurse [file join $here accelerator.xdc]
update_compile_order -fileset sources_1

# ---------------------------------------------------------------- block design
create_bd_design system
set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 processing_system]
apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 -config [list \
  make_external "FIXED_IO, DDR" apply_board_preset [expr {[llength $boards] > 0}] \
  Master Disable Slave Disable] $ps
set_property -dict [list \
  CONFIG.PCW_USE_M_AXI_GP0 1 \
  CONFIG.PCW_USE_S_AXI_HP0 1 \
  CONFIG.PCW_S_AXI_HP0_DATA_WIDTH 64 \
  CONFIG.PCW_EN_CLK0_PORT 1 \
  CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $clock_mhz \
  CONFIG.PCW_EN_RST0_PORT 1 \
  CONFIG.PCW_USE_FABRIC_INTERRUPT 1 \
  CONFIG.PCW_IRQ_F2P_INTR 1] $ps

# Software finds the accelerator by this cell's name.
set accelerator [create_bd_cell -type module -reference accelerator_axi accelerator]
foreach {name value} $parameters {
  set_property CONFIG.$name $value $accelerator
}

set reset [create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset]
foreach name {control memory} {
  set cell [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect $name]
  set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI 1] $cell
}

connect_bd_intf_net [get_bd_intf_pins processing_system/M_AXI_GP0] \
  [get_bd_intf_pins control/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins control/M00_AXI] [get_bd_intf_pins accelerator/s_axi]
connect_bd_intf_net [get_bd_intf_pins accelerator/m_axi] [get_bd_intf_pins memory/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins memory/M00_AXI] \
  [get_bd_intf_pins processing_system/S_AXI_HP0]

set clock [get_bd_pins processing_system/FCLK_CLK0]
foreach pin {
  processing_system/M_AXI_GP0_ACLK processing_system/S_AXI_HP0_ACLK accelerator/aclk control/aclk
  memory/aclk reset/slowest_sync_clk
} {
  connect_bd_net $clock [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins processing_system/FCLK_RESET0_N] [get_bd_pins reset/ext_reset_in]
foreach pin {accelerator/aresetn control/aresetn memory/aresetn} {
  connect_bd_net [get_bd_pins reset/peripheral_aresetn] [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins accelerator/irq] [get_bd_pins processing_system/IRQ_F2P]

assign_bd_address
validate_bd_design
save_bd_design
# One synthesis of all, so that the accelerator's modules find the project's header.
set_property synth_checkpoint_mode None [get_files system.bd]

# ---------------------------------------------------------------- bitstream
set wrapper [make_wrapper -top -files [get_files system.bd]]
add_files -norecurse $wrapper
set_property top system_wrapper [current_fileset]
update_compile_order -fileset sources_1
launch_runs impl_1 -to_step write_bitstream -jobs 4
wait_on_run impl_1
if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} {
  error "implementation failed: see project/accelerator.runs"
}

open_run impl_1
report_utilization -hierarchical -file [file join $here utilization.txt]
report_timing_summary -file [file join $here timing.txt]
set slack [get_property STATS.WNS [get_runs impl_1]]
if {$slack < 0} {
  error "timing is not met: $slack ns at $clock_mhz MHz (timing.txt); lower clock_mhz"
}

# The handoff file lies in another folder before Vivado 2020.2.
set handoff [glob -nocomplain \
  [file join $here project accelerator.gen sources_1 bd system hw_handoff system.hwh] \
  [file join $here project accelerator.srcs sources_1 bd system hw_handoff system.hwh]]
file copy -force [lindex $handoff 0] [file join $here accelerator.hwh]
set runs [file join $here project accelerator.runs impl_1]
file copy -force [file join $runs system_wrapper.bit] [file join $here accelerator.bit]
puts "accelerator.bit and accelerator.hwh: $slack ns of slack at $clock_mhz MHz"
