using System.Text.RegularExpressions;
using GlanceGateway.Formats;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Configuration;

/// <summary>Reads <c>image_format</c>: what images may be, and how strictly.</summary>
internal static partial class ImageFormatBinder
{
    private static readonly string[] checks = [SafetyChecks.Mbr, SafetyChecks.GptMbr];

    public static ImageFormatConfiguration Bind(Section? section)
    {
        var formats = new ImageFormatConfiguration();
        if (section is null)
        {
            return formats;
        }

        formats = new ImageFormatConfiguration
        {
            DiskFormats = Names(section, "disk_formats") ?? formats.DiskFormats,
            ContainerFormats = Names(section, "container_formats") ?? formats.ContainerFormats,
            Policy = formats.Policy with
            {
                RequireMatch = section.Flag("require_image_format_match") ?? formats.Policy.RequireMatch,
                GptNonFatalChecks = section.List(
                    "gpt_safety_checks_nonfatal", $"checks of partition tables; known: {string.Join(", ", checks)}", scalar => Array.Find(checks, check => check == scalar.Value))
                    ?? formats.Policy.GptNonFatalChecks,
                VmdkKinds = section.List(
                    "vmdk_allowed_types",
                    $"kinds of VMDK whose data is all in the file; known: {string.Join(", ", FormatPolicy.KnownVmdkKinds)}",
                    scalar => FormatPolicy.KnownVmdkKinds.FirstOrDefault(kind => kind == scalar.Value)) ?? formats.Policy.VmdkKinds,
            },
        };
        section.Finish();
        return formats;
    }

    private static IReadOnlyList<string>? Names(Section section, string key) =>
        section.List(key, "names of formats in lower case, such as [raw, qcow2]", scalar => NameForm().IsMatch(scalar.Value) ? scalar.Value : null);

    [GeneratedRegex(@"^[a-z0-9][a-z0-9_.-]{0,19}\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NameForm();
}
