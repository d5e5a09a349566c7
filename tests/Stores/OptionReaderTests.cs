using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores.Tests;

public sealed class OptionReaderTests
{
    private static readonly OptionDescriptor[] Described =
    [
        new("directory", OptionType.Path, "Where.", Required: true),
        new("max_size", OptionType.Size, "How much."),
        new("connect_timeout", OptionType.Duration, "How long.", Default: TimeSpan.FromSeconds(30)),
        new("thin", OptionType.Flag, "Whether.", Default: false),
        new("port", OptionType.Number, "Which."),
        new("user", OptionType.Text, "Who."),
        new("key", OptionType.Size, "What.", Secret: true),
    ];

    public static TheoryData<string, object, object> Good => new()
    {
        { "max_size", "0", 0L },
        { "max_size", "4096", 4096L },
        { "max_size", 4096, 4096L },
        { "max_size", "512B", 512L },
        { "max_size", "8MiB", 8L << 20 },
        { "max_size", "10GiB", 10L << 30 },
        { "max_size", "7PiB", 7L << 50 },
        { "connect_timeout", "500ms", TimeSpan.FromMilliseconds(500) },
        { "connect_timeout", "30s", TimeSpan.FromSeconds(30) },
        { "connect_timeout", "5m", TimeSpan.FromMinutes(5) },
        { "connect_timeout", "1h", TimeSpan.FromHours(1) },
        { "thin", "true", true },
        { "thin", true, true },
        { "port", "-1", -1L },
        { "port", 22, 22L },
        { "user", "", "" },
        { "user", 7, "7" },
    };

    public static TheoryData<string, object?> Bad => new()
    {
        { "max_size", "8MB" },
        { "max_size", "8 MiB" },
        { "max_size", "-1" },
        { "max_size", "1.5GiB" },
        { "max_size", "9000PiB" },
        { "max_size", "99999999999999999999" },
        { "max_size", "8MiB\n" },
        { "connect_timeout", "30" },
        { "connect_timeout", "1d" },
        { "thin", "yes" },
        { "port", "0x10" },
        { "directory", "relative" },
        { "user", new List<string>() },
        { "user", null },
    };

    [Theory]
    [MemberData(nameof(Good))]
    public void Value_is_read_by_its_type(string name, object value, object expected) =>
        Assert.Equal(expected, Read((name, value)).Get<object>(name));

    [Theory]
    [MemberData(nameof(Bad))]
    public void Value_of_another_type_is_refused_by_name(string name, object? value)
    {
        var wrong = Assert.Throws<StoreException>(() => Read((name, value)));

        Assert.Equal(StoreError.Misconfigured, wrong.Error);
        Assert.Contains($"Option '{name}'", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_option_lists_the_known_and_guesses()
    {
        var wrong = Assert.Throws<StoreException>(() => Read(("maxsize", "1")));

        Assert.Equal(
            "Option 'maxsize' is unknown. Did you mean 'max_size'? Known: connect_timeout, directory, key, max_size, port, thin, user.", wrong.Message);
    }

    [Fact]
    public void All_mistakes_come_at_once()
    {
        var wrong = Assert.Throws<StoreException>(
            () => OptionReader.Read(Described, new Dictionary<string, object?> { ["port"] = "ssh", ["colour"] = "red" }));

        Assert.Contains("Option 'port' is 'ssh', which is not a whole number.", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("Option 'colour' is unknown. Known:", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("Option 'directory' is required: Where.", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Secret_is_never_repeated() =>
        Assert.DoesNotContain("hunter2", Assert.Throws<StoreException>(() => Read(("key", "hunter2"))).Message, StringComparison.Ordinal);

    [Fact]
    public void Defaults_fill_what_is_absent()
    {
        var options = Read();

        Assert.Equal(TimeSpan.FromSeconds(30), options.Get<TimeSpan>("connect_timeout"));
        Assert.False(options.Get<bool>("thin"));
        Assert.False(options.TryGet<long>("max_size", out _));
    }

    private static DriverOptions Read(params (string Name, object? Value)[] options)
    {
        var configured = new Dictionary<string, object?> { ["directory"] = "/srv/images" };
        foreach (var (name, value) in options)
            configured[name] = value;
        return OptionReader.Read(Described, configured);
    }
}
