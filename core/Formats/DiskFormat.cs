namespace GlanceGateway.Formats;

/// <summary>The disk formats that are recognised by their bytes. What is none of them is a raw disk.</summary>
public enum DiskFormat
{
    /// <summary>QEMU copy-on-write, <c>qcow2</c>. The older <c>qcow</c> has the same magic and counts as a wrong version of it.</summary>
    Qcow2,

    /// <summary>Virtual PC and Hyper-V, <c>vhd</c>.</summary>
    Vhd,

    /// <summary>Hyper-V, <c>vhdx</c>.</summary>
    Vhdx,

    /// <summary>VMware, <c>vmdk</c>, with the header of an extent or as a bare text descriptor.</summary>
    Vmdk,

    /// <summary>VirtualBox, <c>vdi</c>.</summary>
    Vdi,

    /// <summary>QEMU enhanced disk, <c>qed</c>: recognised to be refused.</summary>
    Qed,

    /// <summary>A CD or DVD: ISO 9660 or UDF, <c>iso</c>.</summary>
    Iso,

    /// <summary>A raw disk with an MBR or GPT partition table, <c>gpt</c>.</summary>
    Gpt,

    /// <summary>A disk encrypted with LUKS, <c>luks</c>.</summary>
    Luks,
}

/// <summary>The names of the formats as they stand in an image's <c>disk_format</c>.</summary>
public static class DiskFormatNames
{
    /// <summary>The name of what has no recognised format.</summary>
    public const string Raw = "raw";

    /// <summary>The name of a format, such as <c>qcow2</c>.</summary>
    public static string Name(this DiskFormat format) => format switch
    {
        DiskFormat.Qcow2 => "qcow2",
        DiskFormat.Vhd => "vhd",
        DiskFormat.Vhdx => "vhdx",
        DiskFormat.Vmdk => "vmdk",
        DiskFormat.Vdi => "vdi",
        DiskFormat.Qed => "qed",
        DiskFormat.Iso => "iso",
        DiskFormat.Gpt => "gpt",
        DiskFormat.Luks => "luks",
        _ => throw new ArgumentOutOfRangeException(nameof(format)),
    };

    /// <summary>Whether bytes can tell that something is, or is not, of the format with this name. Of <c>ami</c> or <c>ploop</c> they cannot.</summary>
    public static bool IsInspectable(string name) => name == Raw || Enum.GetValues<DiskFormat>().Any(format => format.Name() == name);
}
