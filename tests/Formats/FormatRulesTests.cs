namespace GlanceGateway.Formats;

/// <summary>Glance's rules for what an image may hold.</summary>
public sealed class FormatRulesTests
{
    private static readonly string[] rawDiskNames = ["ami", "aki", "ari", "ploop"];

    [Theory]
    [InlineData("qcow2", "qcow2", 10L << 20)]
    [InlineData("vhd dynamic", "vhd", 10L << 20)]
    [InlineData("vhd fixed", "vhd", 34L * 512)]
    [InlineData("vhdx", "vhdx", 10L << 20)]
    [InlineData("vmdk", "vmdk", 10L << 20)]
    [InlineData("vmdk with a footer", "vmdk", 10L << 20)]
    [InlineData("vdi", "vdi", 10L << 20)]
    [InlineData("iso", "iso", 40_960L)]
    [InlineData("iso with a partition table", "iso", 40_960L)]
    [InlineData("gpt", "gpt", 34L * 512)]
    [InlineData("luks", "luks", 2048L)]
    [InlineData("nothing", "raw", 70_000L)]
    public void Content_that_is_what_it_is_called_is_accepted_with_the_size_of_its_disk(string image, string name, long size) =>
        Assert.Equal(new FormatVerdict.Accepted(size), Judge(name, image));

    [Theory]
    [InlineData("qcow2", true)]
    [InlineData("vmdk", true)]
    [InlineData("iso", true)]
    [InlineData("gpt", false)]
    public void A_raw_disk_may_hold_anything_safe_and_is_as_large_as_its_bytes(string image, bool warns)
    {
        var accepted = Assert.IsType<FormatVerdict.Accepted>(Judge("raw", image));
        Assert.Equal(Bytes(image).Length, accepted.VirtualSize);
        Assert.Equal(warns, accepted.Warning is not null);
    }

    [Fact]
    public void Names_that_bytes_cannot_tell_take_what_is_not_recognised_only()
    {
        Assert.All(rawDiskNames, name => Assert.Equal(new FormatVerdict.Accepted(null), Judge(name, "nothing")));
        Assert.All(rawDiskNames, name => Assert.IsType<FormatVerdict.Refused>(Judge(name, "qcow2")));
    }

    [Theory]
    [InlineData("qcow2", "nothing", "Image content is not qcow2, which disk_format says it is: no known format was recognised.")]
    [InlineData("qcow2", "vmdk", "Image content is vmdk, but disk_format is qcow2.")]
    [InlineData("iso", "gpt", "Image content is gpt, but disk_format is iso.")]
    public void A_mismatch_is_refused_unless_it_is_tolerated(string name, string image, string message)
    {
        Assert.Equal(new FormatVerdict.Refused(message), Judge(name, image));
        Assert.Equal(new FormatVerdict.Accepted(null, message), Judge(name, image, new FormatPolicy { RequireMatch = false }));
    }

    [Fact]
    public void Two_formats_at_once_are_refused_by_any_name()
    {
        byte[] both = [.. CraftedImages.Qcow2(3), .. new byte[32768 - 512], .. CraftedImages.Iso().AsSpan(32768)];
        Assert.All(
            (string[])["raw", "iso", "qcow2", "ami"],
            name => Assert.Equal(
                new FormatVerdict.Refused("Image content is qcow2 and iso at the same time, which no honest image is."),
                FormatRules.Judge(name, "bare", Inspections.Stream(both), FormatPolicy.Default, both.Length)));
    }

    [Fact]
    public void Waived_checks_of_a_partition_table_are_warnings_when_all_that_failed_are_waived()
    {
        var table = CraftedImages.Gpt();
        table[446] = 1;
        table[446 + 8] = 2;
        var result = Inspections.Stream(table);
        Assert.Equal(["gpt:mbr", "gpt:gptmbr"], result.Failed());
        Assert.IsType<FormatVerdict.Refused>(FormatRules.Judge("raw", "bare", result, FormatPolicy.Default, table.Length));
        Assert.IsType<FormatVerdict.Refused>(FormatRules.Judge("raw", "bare", result, new FormatPolicy { GptNonFatalChecks = ["mbr"] }, table.Length));
        var accepted = FormatRules.Judge("raw", "bare", result, new FormatPolicy { GptNonFatalChecks = ["mbr", "gptmbr"] }, table.Length);
        Assert.NotNull(Assert.IsType<FormatVerdict.Accepted>(accepted).Warning);
    }

    [Fact]
    public void A_waived_name_waives_no_other_formats_check()
    {
        var image = CraftedImages.Qcow2(3);
        image[15] = 1;
        var policy = new FormatPolicy { GptNonFatalChecks = ["backing_file", "mbr", "gptmbr"], RequireMatch = false };
        Assert.Equal(
            new FormatVerdict.Refused("Image failed safety checks: qcow2: it has a backing file, from which it takes part of its data (backing_file)."),
            FormatRules.Judge("raw", "bare", Inspections.Stream(image), policy, image.Length));
    }

    [Theory]
    [InlineData("ova")]
    [InlineData("docker")]
    [InlineData("compressed")]
    public void What_is_in_another_container_is_not_judged(string container)
    {
        var image = Bytes("qed");
        Assert.Equal(new FormatVerdict.Accepted(null), FormatRules.Judge("qcow2", container, Inspections.Stream(image), FormatPolicy.Default, image.Length));
    }

    private static byte[] Bytes(string image) => CraftedImages.All.Single(crafted => crafted.Name == image).Bytes;

    private static FormatVerdict Judge(string name, string image, FormatPolicy? policy = null) =>
        FormatRules.Judge(name, "bare", Inspections.Stream(Bytes(image)), policy ?? FormatPolicy.Default, Bytes(image).Length);
}
