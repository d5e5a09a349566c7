using GlanceGateway.Api;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;

namespace GlanceGateway.Host;

/// <summary>From the configured quotas to what says how much projects may use.</summary>
internal static class ConfiguredQuotas
{
    /// <summary>The limits in the configuration or in Keystone. To be disposed when it can be.</summary>
    public static ILimitSource Open(GatewayConfiguration configuration, ILoggerFactory loggers, TimeProvider time)
    {
        var quotas = configuration.Quotas;
        return quotas.Keystone
            ? new KeystoneLimits(configuration.Identity.Keystone!, quotas.Region, time, loggers.CreateLogger("GlanceGateway.Api"))
            : new ConfiguredLimits(quotas.Standard, quotas.Projects);
    }
}
