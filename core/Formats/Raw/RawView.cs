using GlanceGateway.Abstractions;

namespace GlanceGateway.Formats.Raw;

/// <summary>
/// Shows the disk inside an image as raw bytes, as <c>qemu-img convert -O raw</c> would write them, without a second copy of the image.
/// </summary>
/// <remarks>
/// The image is hostile: it has to pass the checks of an upload, its tables are read through a small cache, never whole, every place that they name is
/// checked against the file, and a compressed cluster unpacks into a buffer of its size. A view takes a few MiB at most, whatever the image says.
/// </remarks>
public static class RawView
{
    /// <summary>Of what the views show. To be raised when the same image would show other bytes than before: what was written out then counts no more.</summary>
    public const int Version = 1;

    /// <summary>Whether disks of that format can be shown.</summary>
    /// <param name="diskFormat">A value of <c>disk_format</c>.</param>
    public static bool Reads(string? diskFormat) => IsPlain(diskFormat) || diskFormat is "qcow2" or "vmdk" or "vhd" or "vhdx" or "vdi";

    /// <summary>Whether images of that format are their disk, byte for byte.</summary>
    /// <param name="diskFormat">A value of <c>disk_format</c>.</param>
    public static bool IsPlain(string? diskFormat) => diskFormat is "raw" or "iso";

    /// <summary>Opens the disk inside an image.</summary>
    /// <param name="source">The image, of known length, with random access. Belongs to the view from now on; after an exception it is still the caller's.</param>
    /// <param name="diskFormat">What the image is said to be. Never guessed: a guest can make its raw disk look like anything.</param>
    /// <param name="cancellationToken">Ends the opening.</param>
    /// <returns>The disk, which also tells its holes (<see cref="IExtentMap"/>); for <c>raw</c> and <c>iso</c> the source itself.</returns>
    /// <exception cref="RawViewException">The image cannot be shown.</exception>
    /// <exception cref="StoreException">A fault of the source.</exception>
    public static async Task<IByteSource> OpenAsync(IByteSource source, string diskFormat, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (!Reads(diskFormat))
        {
            throw new RawViewException($"A disk of the format '{diskFormat}' cannot be shown as raw bytes.");
        }

        if (IsPlain(diskFormat))
        {
            return source;
        }

        var file = new ImageFile(source);
        var inspection = await FormatInspector.InspectAsync(source.ReadAsync, file.Length, cancellationToken);
        if (inspection.Detected is not [var detected] || detected.Name() != diskFormat)
        {
            var found = inspection.IsRaw ? "no known format" : string.Join(" and ", inspection.Detected.Select(format => format.Name()));
            throw new RawViewException($"The image is said to be {diskFormat}, but its content is {found}.");
        }

        // The reader of qcow2 knows more features than an upload may use, and refuses the rest itself.
        foreach (var finding in inspection.Findings.Where(finding => !(detected == DiskFormat.Qcow2 && finding.Check == SafetyChecks.UnknownFeatures)))
        {
            throw new RawViewException($"The image is not safe to open: {finding.Reason}.");
        }

        RawDisk disk = detected switch
        {
            DiskFormat.Qcow2 => await Qcow2Disk.OpenAsync(file, cancellationToken),
            DiskFormat.Vmdk => await VmdkDisk.OpenAsync(file, cancellationToken),
            DiskFormat.Vhd => await VhdDisk.OpenAsync(file, cancellationToken),
            DiskFormat.Vhdx => await VhdxDisk.OpenAsync(file, cancellationToken),
            _ => await VdiDisk.OpenAsync(file, cancellationToken),
        };
        return new RawSource(source, file, disk);
    }
}
