namespace GlanceGateway.Host.Configuration;

/// <summary>Reads <c>signatures</c>: with which certificates the signatures of images are verified.</summary>
internal static class SignatureBinder
{
    public static SignatureConfiguration Bind(Section? section)
    {
        if (section is null)
        {
            return new();
        }

        var configuration = new SignatureConfiguration
        {
            Directory = section.Directory("certificates"),
            TrustedFile = section.Directory("trusted_certificates"),
            Barbican = section.Flag("barbican") ?? false,
            Region = section.Text("region", "a region's id, such as RegionOne"),
            Interface = section.Read("interface", "public, internal or admin", scalar => scalar.Value is "public" or "internal" or "admin" ? scalar.Value : null) ?? "public",
        };
        section.Finish();
        return configuration;
    }
}
