using GlanceGateway.Images;

namespace GlanceGateway.Host.Configuration;

/// <summary>Reads <c>import</c>: by which ways other than an upload data may come in.</summary>
internal static class ImportBinder
{
    private static readonly string[] methods = [ImportMethodNames.GlanceDirect, ImportMethodNames.WebDownload, ImportMethodNames.CopyImage];

    public static ImportConfiguration Bind(Section? section)
    {
        if (section is null)
        {
            return new();
        }

        var defaults = new ImportOptions();
        var configuration = new ImportConfiguration
        {
            StagingStore = section.Text("staging_store", "the id of a store"),
            Options = defaults with
            {
                Methods = section.List(
                    "methods", $"import methods; known: {string.Join(", ", methods)}", scalar => Array.Find(methods, method => method == scalar.Value))
                    ?? defaults.Methods,
                ParallelImports = section.Number("parallel_imports", 1, 1000) ?? defaults.ParallelImports,
                ParallelStores = section.Number("parallel_stores", 1, 100) ?? defaults.ParallelStores,
                TaskLifetime = section.Duration("task_lifetime", TimeSpan.FromMinutes(1), TimeSpan.FromDays(365)) ?? defaults.TaskLifetime,
            },
        };
        section.Finish();
        return configuration;
    }
}
