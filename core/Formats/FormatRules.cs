namespace GlanceGateway.Formats;

/// <summary>
/// Decides whether content may become the data of an image: Glance's rules, in this order.
/// </summary>
/// <remarks>
/// Only images of the container format <c>bare</c> are judged; what is in other containers is not a disk. A failed safety check always refuses,
/// whatever the image is said to be and even when mismatches are tolerated, except checks of partition tables that the operator waived: all that
/// failed must be waived. Then the content has to be what <c>disk_format</c> says. A raw disk may hold anything, so anything safe may be called raw
/// and is as large as its bytes. Formats that bytes cannot tell (<c>ami</c>, <c>ploop</c>) take anything unrecognised.
/// </remarks>
public static class FormatRules
{
    /// <summary>Judges the content of an upload.</summary>
    /// <param name="diskFormat">The image's <c>disk_format</c>.</param>
    /// <param name="containerFormat">The image's <c>container_format</c>.</param>
    /// <param name="inspection">What the content is.</param>
    /// <param name="policy">What the operator demands.</param>
    /// <param name="totalBytes">Bytes of the content.</param>
    public static FormatVerdict Judge(string diskFormat, string containerFormat, InspectionResult inspection, FormatPolicy policy, long totalBytes)
    {
        if (containerFormat != "bare")
        {
            return new FormatVerdict.Accepted(VirtualSize: null);
        }

        string? warning = null;
        if (inspection.Findings.Count > 0)
        {
            var reasons = string.Join("; ", inspection.Findings.Select(finding => $"{finding.Format.Name()}: {finding.Reason} ({finding.Check})"));
            if (!inspection.Findings.All(finding => finding.Format == DiskFormat.Gpt && policy.GptNonFatalChecks.Contains(finding.Check)))
            {
                return new FormatVerdict.Refused($"Image failed safety checks: {reasons}.");
            }

            warning = $"Image failed safety checks that are set to be tolerated: {reasons}.";
        }

        if (inspection.Kind is { } kind && !policy.VmdkKinds.Contains(kind))
        {
            return new FormatVerdict.Refused($"Image failed safety checks: {DiskFormat.Vmdk.Name()}: disks of the kind '{kind}' are not taken here ({SafetyChecks.Kind}).");
        }

        if (inspection.Detected.Count > 1)
        {
            var names = string.Join(" and ", inspection.Detected.Select(format => format.Name()));
            return Mismatch($"Image content is {names} at the same time, which no honest image is.");
        }

        var detected = inspection.IsRaw ? DiskFormatNames.Raw : inspection.Detected[0].Name();
        if (detected == diskFormat)
        {
            return new FormatVerdict.Accepted(inspection.VirtualSize, warning);
        }

        if (diskFormat == DiskFormatNames.Raw)
        {
            return new FormatVerdict.Accepted(totalBytes, warning ?? (detected == DiskFormat.Gpt.Name() ? null : $"Image content is {detected}, but disk_format is raw."));
        }

        if (inspection.IsRaw && !DiskFormatNames.IsInspectable(diskFormat))
        {
            return new FormatVerdict.Accepted(VirtualSize: null);
        }

        return Mismatch(inspection.IsRaw
            ? $"Image content is not {diskFormat}, which disk_format says it is: no known format was recognised."
            : $"Image content is {detected}, but disk_format is {diskFormat}.");

        FormatVerdict Mismatch(string text) =>
            policy.RequireMatch ? new FormatVerdict.Refused(text) : new FormatVerdict.Accepted(VirtualSize: null, warning is null ? text : $"{warning} {text}");
    }
}
