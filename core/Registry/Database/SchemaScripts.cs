using System.Globalization;
using DbUp.Engine;
using DbUp.Engine.Output;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Registry.Database;

/// <summary>The migration scripts in this assembly. A script's number is the schema version that it leads to.</summary>
internal static class SchemaScripts
{
    /// <summary>Remembers which scripts have run.</summary>
    public const string Journal = "schema_versions";

    /// <summary>One database's scripts, in order.</summary>
    public static IReadOnlyList<SqlScript> Read(string database)
    {
        var folder = database + "/";
        var assembly = typeof(SchemaScripts).Assembly;
        return [.. assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(folder, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => SqlScript.FromStream(name[folder.Length..], assembly.GetManifestResourceStream(name)))];
    }

    public static int NumberOf(string script) => int.Parse(script.AsSpan(0, script.IndexOf('_')), NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>What DbUp says, for the log.</summary>
    public static IUpgradeLog LogTo(ILogger logger) => new UpgradeLog(logger);

    private sealed class UpgradeLog(ILogger logger) : IUpgradeLog
    {
        public void LogTrace(string format, params object[] args) => Write(format, args);

        public void LogDebug(string format, params object[] args) => Write(format, args);

        public void LogInformation(string format, params object[] args) => Write(format, args);

        public void LogWarning(string format, params object[] args) => Write(format, args);

        public void LogError(string format, params object[] args) => Write(format, args);

        public void LogError(Exception ex, string format, params object[] args) => Write(format, args);

        private void Write(string format, object[] args) =>
            RegistryLog.MigrationStep(logger, args.Length == 0 ? format : string.Format(CultureInfo.InvariantCulture, format, args));
    }
}
