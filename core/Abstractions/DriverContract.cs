namespace GlanceGateway.Abstractions;

/// <summary>The version of the contract in this assembly.</summary>
/// <remarks>
/// A plugin's manifest names the contract it was built against. While the major is 0 a host loads only its own minor; from 1.0 on a host
/// loads every minor of its major up to its own, because members are then only ever added to interfaces that the host implements.
/// The assembly version stays frozen per major so that older plugins bind.
/// </remarks>
public static class DriverContract
{
    /// <summary><c>major.minor</c>, the value a manifest's <c>contract</c> key must carry.</summary>
    public const string Version = "0.1";
}
