// ns-3's LTE module on a grid of sites with three sectors, saturated downlink: how much wall time a second takes.
//
//     ns3_lte SITES UES_PER_CELL SECONDS
//
// Prints one line of JSON. What it models that Ranvier's simulator does not: RRC signalling as messages, RLC
// and PDCP entities, the uplink. What it leaves out: wraparound, fast fading (a trace would have to be given),
// rank 2, buildings' penetration, energy.
#include "ns3/core-module.h"
#include "ns3/lte-module.h"
#include "ns3/mobility-module.h"
#include "ns3/network-module.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace ns3;

int
main(int argc, char* argv[])
{
    if (argc != 4)
    {
        std::fprintf(stderr, "expected SITES UES_PER_CELL SECONDS\n");
        return 2;
    }
    const uint32_t sites = std::atoi(argv[1]);
    const uint32_t cells = 3 * sites;
    const uint32_t users = cells * std::atoi(argv[2]);
    const double seconds = std::atof(argv[3]);

    Config::SetDefault("ns3::LteEnbRrc::EpsBearerToRlcMapping", EnumValue(LteEnbRrc::RLC_SM_ALWAYS));
    Config::SetDefault("ns3::LteEnbRrc::SrsPeriodicity", UintegerValue(320));
    Config::SetDefault("ns3::LteSpectrumPhy::CtrlErrorModelEnabled", BooleanValue(false));
    Config::SetDefault("ns3::LteEnbPhy::TxPower", DoubleValue(49.0));

    NodeContainer enbs;
    enbs.Create(cells);
    NodeContainer ues;
    ues.Create(users);

    Ptr<LteHelper> lte = CreateObject<LteHelper>();
    lte->SetPathlossModelType(TypeId::LookupByName("ns3::OkumuraHataPropagationLossModel"));
    lte->SetPathlossModelAttribute("Frequency", DoubleValue(2.12e9));
    lte->SetEnbAntennaModelType("ns3::ParabolicAntennaModel");
    lte->SetEnbDeviceAttribute("DlBandwidth", UintegerValue(100));
    lte->SetEnbDeviceAttribute("UlBandwidth", UintegerValue(100));
    lte->SetSchedulerType("ns3::PfFfMacScheduler");

    MobilityHelper mobility;
    mobility.SetMobilityModel("ns3::ConstantPositionMobilityModel");
    mobility.Install(enbs);
    Ptr<LteHexGridEnbTopologyHelper> grid = CreateObject<LteHexGridEnbTopologyHelper>();
    grid->SetLteHelper(lte);
    grid->SetAttribute("InterSiteDistance", DoubleValue(500.0));
    grid->SetAttribute("MinX", DoubleValue(0.0));
    grid->SetAttribute("GridWidth", UintegerValue(sites > 7 ? 4 : 2));
    grid->SetAttribute("SiteHeight", DoubleValue(25.0));
    NetDeviceContainer enbDevices = grid->SetPositionAndInstallEnbDevice(enbs);

    // Users fall uniformly over the box that holds the masts.
    double x1 = 0;
    double y1 = 0;
    for (uint32_t i = 0; i < cells; ++i)
    {
        const Vector at = enbs.Get(i)->GetObject<MobilityModel>()->GetPosition();
        x1 = std::max(x1, at.x);
        y1 = std::max(y1, at.y);
    }
    Ptr<UniformRandomVariable> draw = CreateObject<UniformRandomVariable>();
    Ptr<ListPositionAllocator> places = CreateObject<ListPositionAllocator>();
    for (uint32_t i = 0; i < users; ++i)
    {
        places->Add(Vector(draw->GetValue(-250, x1 + 250), draw->GetValue(-250, y1 + 250), 1.5));
    }
    mobility.SetPositionAllocator(places);
    mobility.Install(ues);
    NetDeviceContainer ueDevices = lte->InstallUeDevice(ues);
    lte->AttachToClosestEnb(ueDevices, enbDevices);
    lte->ActivateDataRadioBearer(ueDevices, EpsBearer(EpsBearer::NGBR_VIDEO_TCP_DEFAULT));

    // The first half second holds the attachment of all users; only what follows is timed.
    const double warm = 0.5;
    Simulator::Stop(Seconds(warm));
    Simulator::Run();
    const auto begin = std::chrono::steady_clock::now();
    Simulator::Stop(Seconds(seconds));
    Simulator::Run();
    const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("{\"cells\": %u, \"users\": %u, \"seconds\": %g, \"wall_s\": %g, \"cell_slots_s\": %g}\n",
                cells, users, seconds, wall, cells * seconds * 1000.0 / wall);
    Simulator::Destroy();
    return 0;
}
