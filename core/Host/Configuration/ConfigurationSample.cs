namespace GlanceGateway.Host.Configuration;

/// <summary>The documented sample of the configuration file: it is the reference of all keys.</summary>
public static class ConfigurationSample
{
    /// <summary>The text of the sample.</summary>
    public static string Read()
    {
        using var stream = typeof(ConfigurationSample).Assembly.GetManifestResourceStream("glance-gateway.sample.yaml")
            ?? throw new InvalidOperationException("the sample is part of this assembly");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
