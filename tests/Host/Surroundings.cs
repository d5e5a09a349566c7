using GlanceGateway.Host.Configuration;

namespace GlanceGateway.Host.Tests;

/// <summary>Process surroundings that owe nothing to the machine the tests run on.</summary>
internal static class Surroundings
{
    public static GatewayEnvironment Of(bool isRoot = false, params (string Name, string Value)[] variables) => new()
    {
        Variables = variables.ToDictionary(pair => pair.Name, pair => pair.Value, StringComparer.Ordinal),
        IsRoot = isRoot,
        ProgramDirectory = "/opt/glance-gateway/",
        CurrentDirectory = "/home/somebody/here",
        DefaultFile = "/nonexistent/glance-gateway.yaml",
    };

    public static GatewayEnvironment OfUser(params (string Name, string Value)[] variables) =>
        Of(isRoot: false, [("HOME", "/home/somebody"), .. variables]);
}
