using GlanceGateway.Images;

namespace GlanceGateway.Host.Configuration;

/// <summary>Reads the keys under <c>quotas</c>.</summary>
internal static class QuotaBinder
{
    private const string FormOfLimit = "'image_size_total: 10TiB'";

    public static QuotaConfiguration Bind(Section? section)
    {
        if (section is null)
        {
            return new();
        }

        var standard = BindLimits(section);
        var storage = section.Size("user_storage_quota", least: 0);
        var projects = new Dictionary<string, ProjectLimits>(StringComparer.Ordinal);
        if (section.Child("projects", "a project's id with " + FormOfLimit) is { } list)
        {
            foreach (var (project, limits) in list.NamedSections(FormOfLimit))
            {
                projects[project] = WithStorage(BindLimits(limits), storage);
                limits.Finish();
            }
        }

        var quotas = new QuotaConfiguration
        {
            Standard = WithStorage(standard, storage),
            Projects = projects,
            Keystone = section.Flag("keystone") ?? false,
            Region = section.Text("region", "a region's id, such as RegionOne"),
        };
        section.Finish();
        return quotas;
    }

    private static ProjectLimits BindLimits(Section section) => new()
    {
        StoredBytes = section.Size("image_size_total", least: 0),
        StagedBytes = section.Size("image_stage_total", least: 0),
        Images = section.Number("image_count_total", 0, int.MaxValue),
        Transfers = section.Number("image_count_uploading", 0, int.MaxValue),
    };

    /// <summary>The storage quota of old is a limit of the same sum for every project; 0 was its word for none.</summary>
    private static ProjectLimits WithStorage(ProjectLimits limits, long? storage) =>
        storage is not > 0 ? limits : limits with { StoredBytes = Math.Min(limits.StoredBytes ?? long.MaxValue, storage.Value) };
}
